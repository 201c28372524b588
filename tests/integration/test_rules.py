"""Rules as a run asks them: a site's own, switched off ones, and what is kept (SPEC 3.1, 3.11)."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mailticket.errors import ConfigurationError
from services.arena import Arena, MakeArena, mail
from services.scenes import last, refs, steps

CREATES: dict[str, Any] = {
    "unknown_caller": "create_person",
    "person_defaults": {"org_id": "Acme"},
}
Install = Callable[..., None]


@pytest.fixture
def arena(make_arena: MakeArena) -> Arena:
    return make_arena(**CREATES)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a package of a site, as pip would: a module, and its entry points."""

    def installed(source: str, *points: str) -> None:
        module = f"site_rules_of_{tmp_path.name}".replace("-", "_")
        header = "from mailticket.decision import *\n"
        (tmp_path / f"{module}.py").write_text(header + textwrap.dedent(source))
        info = tmp_path / "acme_rules-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-rules\nVersion: 1.2\n")
        named = "\n".join(f"{name} = {module}:{name}" for name in points)
        (info / "entry_points.txt").write_text(f"[mailticket.rules]\n{named}\n")
        monkeypatch.syspath_prepend(str(tmp_path))

    return installed


SITE = """
    def _night(case):
        return Ruling(Verdict.HELD, "at night") if "night" in case.header.subject else None

    def _known(case):
        return Miss(f"{case.match.ticket.ref if case.match else 'no ticket'}, as we say")

    night = Rule("night", Phase.HEADERS, "Nobody is there.", _night)
    too_big = Rule("too_big", Phase.HEADERS, "We have room.", lambda case: Miss("any size"))
    known = Rule("known", Phase.TICKET, "To see it.", _known)
"""


def test_a_site_adds_and_replaces_rules_by_entry_points(arena: Arena, install: Install) -> None:
    install(SITE, "night", "too_big", "known")
    arena.fields["maximum_email_size"] = "1K"
    arena.deliver(mail("At night"), mail("By day", body="x" * 2000))
    counts, failed = arena.run()
    assert (counts, failed) == ({"held": 1, "create": 1}, [])
    assert [row[:4] for row in arena.status()] == [
        ("At night", "held", "held", "night"),
        ("By day", "processed", "create", "create_ticket"),
    ]
    asked = steps(arena)
    assert asked["too_big"] == ("miss", "any size")
    assert asked["night"] == ("miss", "")
    assert asked["known"] == ("miss", "no ticket, as we say")
    [(recorded,)] = arena.rows("SELECT versions FROM mailticket.configuration")
    assert recorded["rule night"].endswith(" acme-rules 1.2")


def test_a_rule_of_a_site_sees_the_caller_when_it_looks_at_the_content(
    arena: Arena, install: Install
) -> None:
    install(
        """
        def _who(case):
            return Miss(", ".join(person.email for person in case.facts.callers))
        who = Rule("who", Phase.CONTENT, "To see it.", _who)
        """,
        "who",
    )
    arena.deliver(mail())
    arena.run()
    assert steps(arena)["who"] == ("miss", "")
    arena.deliver(mail())
    arena.run()
    assert steps(arena)["who"] == ("miss", "ada@acme.example")


def test_a_rule_that_raises_fails_that_message_only(arena: Arena, install: Install) -> None:
    install(
        """
        def _moody(case):
            if "bad" in case.header.subject:
                raise KeyError("no\\0such \\ud800 thing")

        moody = [Rule("moody", phase, "It is.", _moody) for phase in Phase][2]
        early = Rule("early", Phase.HEADERS, "It is.", _moody)
        """,
        "moody",
    )
    arena.deliver(mail("good"), mail("bad"), mail("good too"))
    counts, failed = arena.run()
    assert counts == {"create": 2, "failed": 1}
    assert len(failed) == 1
    assert arena.status()[1][1:4] == ("error", "failed", "moody")
    assert refs(arena) == ["R-000001", "R-000002"]


@pytest.mark.parametrize("phase", ["HEADERS", "CONTENT", "TICKET"])
def test_a_rule_may_raise_in_any_phase(arena: Arena, install: Install, phase: str) -> None:
    install(
        f"""
        def _moody(case):
            raise RuntimeError("\\0\\ud800" * 100_000 + "no")

        moody = Rule("moody", Phase.{phase}, "It is.", _moody)
        """,
        "moody",
    )
    arena.deliver(mail())
    assert arena.run()[0] == {"failed": 1}
    verdict, rule, _, reason = last(arena)
    assert (verdict, rule) == ("failed", "moody")
    assert reason == "rule moody raised RuntimeError: no"


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import nothing_of_that_name", "ModuleNotFoundError"),
        ("night = 5", "it must name a mailticket.decision.Rule"),
        ("", "AttributeError"),
    ],
)
def test_a_broken_entry_point_is_a_configuration_error_before_anything_is_read(
    arena: Arena, install: Install, source: str, told: str
) -> None:
    install(source, "night")
    arena.deliver(mail())
    with pytest.raises(ConfigurationError, match=told):
        arena.run()
    assert arena.status() == []


def test_rules_off_leaves_rules_out_and_says_so(arena: Arena) -> None:
    arena.fields |= {
        "rules_off": ["undesired_subject", "already_handled", "unknown_caller"],
        "undesired_subject_patterns": ["/Printer/"],
        "unknown_caller": "reject",
    }
    original = mail("Printer")
    arena.deliver(original, original)
    assert arena.run()[0] == {"failed": 2}
    why = "UserRequest needs org_id, caller_id: set ticket_defaults of inbox support"
    assert last(arena)[:2] == ("failed", "mandatory_fields")
    assert last(arena)[3] == why
    assert steps(arena)["undesired_subject"] == ("skipped", "switched off by rules_off")


def test_every_rule_s_answer_is_kept_with_the_message(arena: Arena) -> None:
    arena.fields["undesired_subject_patterns"] = ["/^Spam/"]
    arena.deliver(mail("Hello"))
    arena.run()
    [(kept,)] = arena.rows("SELECT steps FROM mailticket.attempt")
    assert [(step["phase"], step["rule"], step["outcome"]) for step in kept] == [
        ("headers", "too_big", "miss"),
        ("headers", "undesired_subject", "miss"),
        ("headers", "automatic_mail", "miss"),
        ("headers", "already_handled", "miss"),
        ("headers", "unknown_caller", "miss"),
        ("content", "automatic_body", "miss"),
        ("ticket", "earlier_attempt", "miss"),
        ("ticket", "signed_reference", "miss"),
        ("ticket", "thread", "miss"),
        ("ticket", "title_pattern", "miss"),
        ("ticket", "already_handled", "miss"),
        ("ticket", "other_class", "miss"),
        ("ticket", "closed_ticket", "miss"),
        ("ticket", "nothing_to_update", "miss"),
        ("ticket", "cap_reopens_per_ticket", "miss"),
        ("ticket", "cap_tickets_per_sender", "miss"),
        ("ticket", "cap_tickets_per_inbox", "miss"),
        ("ticket", "create_ticket", "hit"),
    ]
    arena.deliver(mail("Spam"))
    arena.run()
    assert steps(arena) == {
        "too_big": ("miss", ""),
        "undesired_subject": ("hit", "the subject matches /^Spam/"),
        "automatic_mail": ("skipped", ""),
        "already_handled": ("skipped", ""),
        "unknown_caller": ("skipped", ""),
        # Read all the same: a delivery report about our own mail may hide behind the subject.
        "automatic_body": ("miss", ""),
    }


def test_size_goes_before_subject_and_subject_before_automatic_mail(arena: Arena) -> None:
    arena.fields |= {"undesired_subject_patterns": ["/x/"], "maximum_email_size": "1K"}
    automatic = ["Auto-Submitted: auto-replied"]
    arena.deliver(mail("x", headers=automatic, body="b" * 2000))
    arena.deliver(mail("x", headers=automatic))
    arena.deliver(mail("y", headers=automatic, sender="undisclosed:;"))
    arena.run()
    assert [row[3] for row in arena.status()] == ["too_big", "undesired_subject", "automatic_mail"]
