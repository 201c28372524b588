"""Mail that wants to exhaust, mislead or stop a pass, with real servers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mailticket.store.postgres import Database as Store
from services.arena import MakeArena, mail
from services.scenes import last, signed_id

CREATES: dict[str, Any] = {
    "unknown_caller": "create_person",
    "person_defaults": {"org_id": "Acme"},
}


def test_filter_reads_no_more_header_sections_at_once_than_fit_16_mb(
    make_arena: MakeArena,
) -> None:
    read: list[tuple[int, int]] = []

    class Scales(Store):
        def rows(self, name: str, /, **values: Any) -> Any:
            found = super().rows(name, **values)
            if name == "load_headers":
                read.append((len(found), sum(len(row["raw"]) for row in found)))
            return found

    arena = replace(make_arena(**CREATES), store=Scales)
    fields = [f"X-Long: {'a' * 900}"] * 2300  # 2 MB
    arena.deliver(*[mail(f"big {n}", headers=fields) for n in range(10)])
    arena.run()
    assert [number for number, _ in read] in ([8, 2], [7, 3])
    assert max(size for _, size in read) <= 16 * 1024**2


def test_a_mail_that_answers_thousands_is_looked_up_by_a_few(make_arena: MakeArena) -> None:
    asked: list[int] = []

    class Counter(Store):
        def rows(self, name: str, /, **values: Any) -> Any:
            asked.extend(len(values[key]) for key in ("message_ids", "threads") if key in values)
            return super().rows(name, **values)

    arena = replace(make_arena(**CREATES), store=Counter)
    many = "".join(f"\r\n <{n}@elsewhere.example>" for n in range(5000))
    arena.deliver(mail("many", headers=[f"In-Reply-To:{many}", f"References:{many}"]))
    arena.run()
    assert last(arena)[0] == "create"
    assert asked
    assert max(asked) <= 64
