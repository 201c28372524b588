"""Carries what inboxes send to where it is addressed: other inboxes, and robots that answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from services.arena import Arena, mail
from services.post_office import PostOffice, Taken

Robot = Callable[[Taken], bytes | None]
"""Gives what it answers to a mail, if anything."""


@dataclass
class Postman:
    """Runs the inboxes and carries their mail, until nothing moves any more."""

    office: PostOffice
    inboxes: dict[str, Arena]
    """By address."""
    robots: dict[str, Robot] = field(default_factory=dict)
    relay: Callable[[bytes], bytes] = lambda raw: raw
    """What a server on the way does to each mail."""
    carried: list[Taken] = field(default_factory=list)

    def until_quiet(self, most_rounds: int = 60) -> int:
        """Go round until no mail was sent; give the number of mails that were."""
        for _ in range(most_rounds):
            for arena in self.inboxes.values():
                arena.run()
            if not self._carry():
                return len(self.carried)
        raise AssertionError(f"{len(self.carried)} mails, and no end")

    def _carry(self) -> int:
        sent, self.office.mails[:] = list(self.office.mails), []
        for taken in sent:
            raw = self.relay(taken.raw)
            if arena := self.inboxes.get(taken.recipient.lower()):
                arena.deliver(raw)
            elif robot := self.robots.get(taken.recipient.lower()):
                self._answer(taken, robot)
        self.carried += sent
        return len(sent)

    def _answer(self, taken: Taken, robot: Robot) -> None:
        to = str(taken.mail["Reply-To"] or taken.mail["From"]).lower()
        answer = robot(taken)
        if answer and to in self.inboxes:
            self.inboxes[to].deliver(answer)


def polite(address: str) -> Robot:
    """Answer as RFC 3834 asks: in the thread, marked as automatic, and no other machine."""

    def answer(taken: Taken) -> bytes | None:
        if taken.mail["Auto-Submitted"] != "no" and taken.sender == "":
            return None
        subject = f"Automatic reply: {taken.mail['Subject']}"
        thread = f"In-Reply-To: <{taken.message_id}>"
        marks = ["Auto-Submitted: auto-replied", "Precedence: bulk", thread]
        return mail(subject, sender=f"Robot <{address}>", headers=marks)

    return answer


def marked(address: str) -> Robot:
    """Answer everything, machines too, but say that it is an automatic reply."""

    def answer(taken: Taken) -> bytes:
        thread = f"In-Reply-To: <{taken.message_id}>"
        marks = ["Auto-Submitted: auto-replied", thread]
        return mail(f"Away: {taken.mail['Subject']}", sender=f"Robot <{address}>", headers=marks)

    return answer


def threaded(address: str) -> Robot:
    """Answer everything, unmarked, as a person's mail program would write it."""

    def answer(taken: Taken) -> bytes:
        thread = f"In-Reply-To: <{taken.message_id}>"
        return mail(f"Re: {taken.mail['Subject']}", sender=f"Robot <{address}>", headers=[thread])

    return answer


def dumb(address: str) -> Robot:
    """Answer everything, and show in nothing that it is an answer."""
    return lambda _: mail("I am away", sender=f"Robot <{address}>", body="I am away.")
