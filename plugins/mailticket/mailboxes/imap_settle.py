"""Removing and moving messages: exactly these, by UID, nobody else's deleted mail (SPEC 8.4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mailticket.errors import ReadOnlyFolder
from mailticket.mailboxes import imap_answer, imap_folders, server_words
from mailticket.mailboxes.base import Place, Settled, Settlement
from mailticket.mailboxes.imap_fetch import search_uids
from mailticket.mailboxes.imap_session import Answer, Session
from mailticket.mailboxes.imap_twin import already_there

_AT_A_TIME = 300
# A NO with one of these concerns the folder, not one message: asking one by one would not help.
_FOR_ALL = {"OVERQUOTA", "NOPERM", "LIMIT", "INUSE", "CANNOT", "TRYCREATE", "NONEXISTENT"}
_GONE = "it was no longer in the folder"
_FLAGGED = "marked \\Deleted only: the server lacks UIDPLUS, and EXPUNGE would remove others' mail"


@dataclass(frozen=True, slots=True)
class _Target:
    """A folder to move to, as written and as on the wire."""

    name: str

    @property
    def wire(self) -> str:
        return imap_answer.folder_on_wire(self.name)


def settle(
    session: Session, place: Place, uids: Sequence[str], settlement: Settlement, move_to: str
) -> Iterator[Settled]:
    """Settle messages in batches; each is answered once, in any order."""
    if settlement is Settlement.KEEP:
        yield from (Settled(uid, settlement) for uid in uids)
        return
    if settlement is Settlement.MOVE and _same(move_to, place.folder):
        detail = f"it already lies in {move_to!r}"
        yield from (Settled(uid, settlement, detail) for uid in uids)
        return
    if place.read_only:
        raise ReadOnlyFolder(
            f"{place.server} opens the folder {place.folder!r} for reading only: "
            f"give {place.login} the right to delete in it, or choose keep"
        )
    numbers = sorted({int(uid) for uid in uids})
    for start in range(0, len(numbers), _AT_A_TIME):
        batch = numbers[start : start + _AT_A_TIME]
        yield from _settle_batch(session, place, batch, settlement, move_to)


def _settle_batch(
    session: Session, place: Place, uids: list[int], settlement: Settlement, move_to: str
) -> Iterator[Settled]:
    present = search_uids(session, uids)
    for uid in uids:
        if uid not in present:
            yield Settled(str(uid), settlement, _GONE, gone=True)
    if not present:
        return
    if settlement is Settlement.MOVE:
        yield from _moved(session, place, present, _Target(move_to), settlement)
    elif "X-GM-EXT-1" in session.capabilities:
        yield from _to_trash(session, place, present)
    else:
        yield from _deleted(session, present, Settlement.DELETE)


def _same(one: str, other: str) -> bool:
    """Compare folder names: INBOX alone knows no case (RFC 3501, 5.1)."""
    return one == other or one.upper() == other.upper() == "INBOX"


# -- deleting ----------------------------------------------------------------------------------


def _deleted(session: Session, uids: set[int], outcome: Settlement) -> Iterator[Settled]:
    """Flag as deleted, then UID EXPUNGE (RFC 4315, 2.1); what is still there afterwards is told."""
    written = imap_answer.uid_set(uids)
    stored = session.uid("STORE", written, "+FLAGS", r"(\Deleted)")
    if "UIDPLUS" not in session.capabilities:
        yield from _flagged(session, stored, uids, outcome)
        return
    answer = session.uid("EXPUNGE", written) if stored.ok else stored
    left = search_uids(session, uids)
    if left and not answer.ok and len(uids) > 1:
        for uid in sorted(uids - left):
            yield Settled(str(uid), outcome)
        for uid in sorted(left):
            yield from _deleted(session, {uid}, outcome)
        return
    for uid in sorted(uids):
        yield _not_done(uid, answer) if uid in left else Settled(str(uid), outcome)


def _flagged(
    session: Session, stored: Answer, uids: set[int], outcome: Settlement
) -> Iterator[Settled]:
    """Answer for a server without UIDPLUS: the flag, looked up, is all that is safe."""
    marked = session.uid("SEARCH", f"UID {imap_answer.uid_set(uids)} DELETED")
    found = set(imap_answer.searched(marked.lines))
    for uid in sorted(uids):
        done = Settled(str(uid), outcome, _FLAGGED)
        yield done if uid in found else _not_done(uid, stored)


def _to_trash(session: Session, place: Place, uids: set[int]) -> Iterator[Settled]:
    """Gmail: the flag only removes a label; what is moved to the Trash is deleted."""
    trash = next((each for each in session.folders() if "\\trash" in each.flags), None)
    if trash is None:
        detail = "Gmail shows no Trash by IMAP: switch it on in Gmail's settings, under Labels"
        yield from (Settled(str(uid), None, detail) for uid in sorted(uids))
    elif _same(trash.name, place.folder):
        yield from _deleted(session, uids, Settlement.DELETE)
    else:
        yield from _moved(session, place, uids, _Target(trash.name), Settlement.DELETE)


# -- moving ------------------------------------------------------------------------------------


def _moved(
    session: Session, place: Place, uids: set[int], target: _Target, outcome: Settlement
) -> Iterator[Settled]:
    if "MOVE" in session.capabilities:
        yield from _moved_at_once(session, uids, target, outcome)
    else:
        yield from _copied_and_deleted(session, place, uids, target, outcome)


def _moved_at_once(
    session: Session, uids: set[int], target: _Target, outcome: Settlement
) -> Iterator[Settled]:
    """UID MOVE (RFC 6851); a refused batch is tried one by one unless its cause is the folder."""
    answer = session.uid("MOVE", imap_answer.uid_set(uids), target.wire)
    left = search_uids(session, uids)
    for uid in sorted(uids - left):
        yield Settled(str(uid), outcome)
    if not left:
        return
    _require_target(session, target, answer)
    one_by_one = len(uids) > 1 and not answer.ok and not _concerns_all(answer)
    for uid in sorted(left):
        if one_by_one:
            yield from _moved_at_once(session, {uid}, target, outcome)
        else:
            yield _not_done(uid, answer)


def _copied_and_deleted(
    session: Session, place: Place, uids: set[int], target: _Target, outcome: Settlement
) -> Iterator[Settled]:
    """COPY what is not in the target yet, then delete; a repeated settle makes no second copy."""
    copied = already_there(session, place, uids, target.wire)
    answer = _copy(session, uids - copied, target)
    if answer.ok:
        copied |= uids
    elif not _concerns_all(answer) and len(uids) > 1:
        copied |= {uid for uid in uids - copied if _copy(session, {uid}, target).ok}
    for uid in sorted(uids - copied):
        yield _not_done(uid, answer)
    if copied:
        yield from _deleted(session, copied, outcome)


def _copy(session: Session, uids: set[int], target: _Target) -> Answer:
    if not uids:
        return Answer(True, "")
    answer = session.uid("COPY", imap_answer.uid_set(uids), target.wire)
    if not answer.ok:
        _require_target(session, target, answer)
    return answer


def _require_target(session: Session, target: _Target, answer: Answer) -> None:
    """Raise ``FolderMissing`` when a refusal means that the target is not there."""
    if answer.ok:
        return
    code = server_words.code(answer.words)
    if code in {"TRYCREATE", "NONEXISTENT"} or not session.has_folder(target.name):
        raise imap_folders.not_opened(session, target.name, answer.words)


def _concerns_all(answer: Answer) -> bool:
    return server_words.code(answer.words) in _FOR_ALL or server_words.is_passing(answer.words)


def _not_done(uid: int, answer: Answer) -> Settled:
    said = "the server says it is done, but the message is still there"
    return Settled(str(uid), None, said if answer.ok else f"the server refuses: {answer.words}")
