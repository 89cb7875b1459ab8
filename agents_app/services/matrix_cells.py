"""Cells of the sharing matrix: read from rules, and turned back into changes of rules; no queries here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from agents_app.models import SharingRule
from agents_app.services.sharing import RuleChange, as_change
from memoryhub.access.exceptions import Invalid

NOTHING = "–"
LETTERS = "RWPX"
WORDS = {
    "R": "reads others' memories",
    "W": "may change them",
    "P": "is told of them",
    "X": "its own never leave it",
    NOTHING: "no access",
}
#: What can be chosen for a cell, each also with X (X alone: receives nothing, lets nothing out).
CHOICES = (NOTHING, "R", "RW", "RP", "RWP", "X", "RX", "RWX", "RPX", "RWPX")


@dataclass(frozen=True, slots=True)
class Cell:
    """What one agent may do in one category. ``memories``: granted to it now; ``own``: stored by itself.

    ``rule_ids``: the active rules that say so. ``fixed``: a rule restricts the category for all agents, so that
    this cell cannot be changed alone.
    """

    category: str
    agent_id: str
    letters: str
    words: str
    rule_ids: tuple[UUID, ...]
    memories: int
    own: int
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class CellChange:
    """A cell as it shall read: one of CHOICES (the order of letters and an empty text for – are accepted)."""

    category: str
    agent_id: str
    letters: str


def in_words(letters: str) -> str:
    return ", ".join(WORDS[letter] for letter in letters)


def normal(letters: str) -> str:
    """Letters in their order. Raises Invalid for what no cell can read."""
    named = set(letters.upper()) - {NOTHING, "-", " "}
    found = "".join(letter for letter in LETTERS if letter in named) or NOTHING
    if named - set(LETTERS) or found not in CHOICES:
        raise Invalid("letters", f"Choose one of: {', '.join(CHOICES)}.")
    return found


def cells_of(
    rules: Sequence[SharingRule],
    categories: Sequence[str],
    agents: Sequence[str],
    counts: Mapping[tuple[str, str, str], int] | Counter[tuple[str, str, str]],
) -> dict[tuple[str, str], Cell]:
    by_category: dict[str, list[SharingRule]] = {}
    for rule in rules:
        if rule.active:
            by_category.setdefault(rule.category, []).append(rule)
    return {
        (category, agent): cell_of(category, agent, by_category.get(category, []), counts)
        for category in categories
        for agent in agents
    }


def cell_of(
    category: str, agent: str, rules: Iterable[SharingRule], counts: Mapping[tuple[str, str, str], int]
) -> Cell:
    concerning = [rule for rule in rules if concerns(rule, agent)]
    closed = [rule for rule in concerning if rule.action == "restrict" and rule.from_agent is None]
    concerning = closed or concerning
    letters = "".join(letter for letter in LETTERS if any(letter in letters_of(rule) for rule in concerning))
    memories, own = (counts.get((kind, category, agent), 0) for kind in ("granted", "own"))
    shown = letters or NOTHING
    ids = tuple(rule.pk for rule in concerning)
    return Cell(category, agent, shown, in_words(shown), ids, memories, own, fixed=bool(closed))


def concerns(rule: SharingRule, agent: str) -> bool:
    if rule.action == "restrict":
        return rule.from_agent in (None, agent)
    return agent in rule.to_agents


def letters_of(rule: SharingRule) -> str:
    if rule.action == "restrict":
        return "X"
    return "R" + ("W" if rule.can_write else "") + ("P" if rule.action == "propagate" else "")


def rule_changes(changes: Sequence[CellChange | RuleChange], rules: Sequence[SharingRule]) -> list[RuleChange]:
    """What has to happen to the rules so that each changed cell reads as chosen; changes of rules pass through.

    The agent leaves every rule of the category that names it, and enters the one that fits and speaks of
    whichever agent stores.
    """
    plain = [change for change in changes if isinstance(change, RuleChange)]
    desk = Desk(rules, skipping={change.rule_id for change in plain})
    for change in changes:
        if isinstance(change, CellChange):
            desk.put(change)
    return plain + desk.changes()


class Desk:
    """Rules being rearranged, by what makes each of them one of a kind."""

    def __init__(self, rules: Sequence[SharingRule], *, skipping: set[UUID | None]) -> None:
        self.before = {kind_of(rule): as_change(rule) for rule in rules if rule.pk not in skipping}
        self.now = dict(self.before)

    def put(self, change: CellChange) -> None:
        letters = normal(change.letters)
        for kind, rule in list(self.now.items()):
            if rule.category == change.category and rule.active:
                self.leave(kind, rule, change.agent_id)
        if "R" in letters:
            action = "propagate" if "P" in letters else "share"
            self.enter((change.category, action, None, "W" in letters), change.agent_id)
        if "X" in letters:
            kind = (change.category, "restrict", change.agent_id, False)
            self.now[kind] = replace(
                self.now.get(kind, RuleChange(category=change.category, action="restrict", from_agent=change.agent_id)),
                active=True,
                delete=False,
            )

    def leave(self, kind: Kind, rule: RuleChange, agent: str) -> None:
        if rule.action == "restrict":
            if rule.from_agent is None:
                raise Invalid("changes", f"'{rule.category}' is restricted for all agents. Change that rule first.")
            if rule.from_agent == agent:
                self.now[kind] = replace(rule, delete=True)
            return
        receivers = [name for name in rule.to_agents if name != agent]
        # a rule without receivers says nothing; it comes back when somebody enters it in the same change
        self.now[kind] = replace(rule, to_agents=receivers, delete=not receivers)

    def enter(self, kind: Kind, agent: str) -> None:
        category, action, _, can_write = kind
        rule = self.now.get(kind, RuleChange(category=category, action=action, can_write=can_write))
        receivers = [] if not rule.active else rule.to_agents
        self.now[kind] = replace(rule, to_agents=sorted({*receivers, agent}), delete=False, active=True)

    def changes(self) -> list[RuleChange]:
        moved = [rule for kind, rule in self.now.items() if rule != self.before.get(kind)]
        real = [rule for rule in moved if rule.rule_id is not None or not rule.delete]
        return sorted(real, key=lambda rule: (not rule.delete, rule.category, rule.action))


Kind = tuple[str, str, str | None, bool]


def kind_of(rule: SharingRule) -> Kind:
    return rule.category, rule.action, rule.from_agent, rule.can_write
