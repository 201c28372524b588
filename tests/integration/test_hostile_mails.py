"""Every hostile mail through a real run, beside a person's: each is decided, and nobody waits."""

from __future__ import annotations

import pytest

from services.arena import MakeArena, mail
from services.hostile_mails import hostile_mails

pytestmark = pytest.mark.long


@pytest.mark.parametrize("alternative", [{}, {"body_parts_order": "text/plain,text/html"}])
def test_every_hostile_mail_is_decided_and_a_persons_mail_becomes_a_ticket(
    make_arena: MakeArena, alternative: dict[str, str]
) -> None:
    arena = make_arena(
        unknown_caller="create_person",
        person_defaults={"org_id": "Acme"},
        images_maximum_size="800x600",
        undesired_subject_patterns=["/(a+)+$/", r"/(?:\w++!|\w++\?|\w++;)/"],
        cap_tickets_per_sender=[],
        **alternative,
    )
    for _, raw in hostile_mails():
        arena.deliver(raw)
    arena.deliver(mail("Printer", "Eve <eve@acme.example>", message_id="<person@acme.example>"))
    for _ in range(3):  # a message that killed a child is tried again by itself
        arena.run()
    undecided = arena.rows("SELECT uid, status FROM mailticket.message_status WHERE status = 'new'")
    assert undecided == []
    failed = arena.rows("SELECT reason FROM mailticket.message_status WHERE verdict = 'failed'")
    assert all("limit_" in reason for (reason,) in failed), failed
    [(verdict,)] = arena.rows(
        "SELECT verdict::text FROM mailticket.message_status"
        " WHERE message_id = 'person@acme.example'"
    )
    assert verdict == "create"
