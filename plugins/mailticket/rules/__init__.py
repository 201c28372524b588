"""START READING HERE: the rules, in the order in which they are asked (SPEC 3.1, 3.5, 3.9).

One rule, one file, one name: the name is ``decided_by`` in the row, the log line and the page.
A site adds a rule of its own, or replaces one by its name, through the entry point group
``mailticket.rules``; ``rules_off`` of an inbox leaves rules out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points

from mailticket.config import Inbox
from mailticket.decision import Phase, Rule
from mailticket.errors import ConfigurationError, Fault
from mailticket.rules.already_handled import already_handled
from mailticket.rules.automatic_body import automatic_body
from mailticket.rules.automatic_mail import automatic_mail
from mailticket.rules.cap_reopens_per_ticket import cap_reopens_per_ticket
from mailticket.rules.cap_tickets_per_inbox import cap_tickets_per_inbox
from mailticket.rules.cap_tickets_per_sender import cap_tickets_per_sender
from mailticket.rules.closed_ticket import closed_ticket
from mailticket.rules.nothing_to_update import nothing_to_update
from mailticket.rules.other_class import other_class
from mailticket.rules.too_big import too_big
from mailticket.rules.undesired_subject import undesired_subject
from mailticket.rules.unknown_caller import unknown_caller

RULES: tuple[Rule, ...] = (
    Rule("too_big", Phase.HEADERS, "A huge mail would take the worker's memory.", too_big),
    Rule(
        "undesired_subject", Phase.HEADERS, "The operator does not want these.", undesired_subject
    ),
    Rule(
        "automatic_mail", Phase.HEADERS, "Machines that answer machines never end.", automatic_mail
    ),
    Rule("already_handled", Phase.HEADERS, "A second copy is no second ticket.", already_handled),
    Rule("unknown_caller", Phase.HEADERS, "Strangers may not be wanted here.", unknown_caller),
    Rule("automatic_body", Phase.CONTENT, "Bounces of old show only in the body.", automatic_body),
    # Asked again: the first copy may have been undecided when the header section was looked at.
    Rule("already_handled", Phase.TICKET, "A second copy is no second ticket.", already_handled),
    Rule(
        "other_class", Phase.TICKET, "An inbox writes into tickets of its class only.", other_class
    ),
    Rule("closed_ticket", Phase.TICKET, "What is closed may be meant to stay so.", closed_ticket),
    Rule("nothing_to_update", Phase.TICKET, "This inbox makes no tickets.", nothing_to_update),
    # The last ones: a storm is of what would be done.
    Rule(
        "cap_reopens_per_ticket",
        Phase.TICKET,
        "A ticket that is reopened all day is a loop.",
        cap_reopens_per_ticket,
    ),
    Rule(
        "cap_tickets_per_sender",
        Phase.TICKET,
        "Who writes every minute is a machine gone wild.",
        cap_tickets_per_sender,
    ),
    Rule(
        "cap_tickets_per_inbox",
        Phase.TICKET,
        "A flood under many names is still a flood.",
        cap_tickets_per_inbox,
    ),
)

WAYS = ("signed_reference", "thread", "title_pattern")
"""Ways to find a ticket (``matching.py``): no rules, but ``rules_off`` leaves them out as well."""

GROUP = "mailticket.rules"


def site_rules(points: Iterable[EntryPoint] | None = None) -> tuple[Rule, ...]:
    """Load the rules that installed packages offer; each entry point names one ``Rule``."""
    rules: dict[str, Rule] = {}
    for point in _points() if points is None else points:
        rule = _load(point)
        if rule.name in rules:
            raise _fault(point, f"there is another rule {rule.name}: keep one of them")
        rules[rule.name] = rule
    return tuple(rules.values())


def _points() -> list[EntryPoint]:
    return sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value))


def _load(point: EntryPoint) -> Rule:
    try:
        rule = point.load()
    except Exception as error:
        raise _fault(point, f"it cannot be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(rule, Rule) or not rule.name or not callable(rule.check):
        raise _fault(point, "it must name a mailticket.decision.Rule")
    return rule


def _fault(point: EntryPoint, why: str) -> ConfigurationError:
    return ConfigurationError(
        Fault("", f"entry point {GROUP}", f"{point.name} = {point.value}", why)
    )


def table(site: Iterable[Rule] = ()) -> tuple[Rule, ...]:
    """Give the rules in force: a site's rule stands in for ours of its name, or ends its phase.

    Where ours is asked in two phases, the site's is asked in its own phase only.
    """
    own = {rule.name: rule for rule in site}
    ours = {(rule.name, rule.phase) for rule in RULES}
    replaced = (own.get(rule.name, rule) for rule in RULES if _stays(rule, own))
    added = (rule for rule in own.values() if (rule.name, rule.phase) not in ours)
    return (*replaced, *added)


def _stays(rule: Rule, own: Mapping[str, Rule]) -> bool:
    return rule.name not in own or own[rule.name].phase is rule.phase


def asks_of_content(rules: Iterable[Rule]) -> bool:
    """Tell whether a site's rule looks at the content: only then its Facts are looked up."""
    return any(rule.phase is Phase.CONTENT and rule not in RULES for rule in rules)


def check_rules_off(inbox: Inbox, rules: Iterable[Rule]) -> None:
    """Raise ``ConfigurationError`` for each name in ``rules_off`` that no rule has."""
    known = dict.fromkeys((*(rule.name for rule in rules), *WAYS))
    faults = [
        Fault(inbox.name, "rules_off", name, _nearest(name, list(known)))
        for name in inbox.rules_off
        if name not in known
    ]
    if faults:
        raise ConfigurationError(*faults)


def _nearest(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, 1)
    meant = f"; did you mean {near[0]}?" if near else ""
    return f"there is no such rule{meant} (there are {', '.join(known)})"


def versions(site: Iterable[Rule] = ()) -> dict[str, str]:
    """Name where the site's rules come from, with versions, for the record of a configuration."""
    rules = tuple(site)
    packages = {point.module: _package(point) for point in _points()} if rules else {}
    modules = {rule.name: str(getattr(rule.check, "__module__", "")) for rule in rules}
    return {
        f"rule {name}": f"{module} {packages.get(module, '')}".strip()
        for name, module in modules.items()
    }


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else ""
