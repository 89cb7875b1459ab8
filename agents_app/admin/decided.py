"""A conflict that is decided: what was decided and by whom, what it changed, and what a slower reviewer had picked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agents_app.admin.picks import EDIT, PICK, Picks, field_name
from agents_app.admin.review_cells import Cell, cell_of
from agents_app.admin.review_page import place_of
from agents_app.models import Conflict
from agents_app.services import reapplying
from memoryhub.registry.diffs import MISSING, compare
from memoryhub.registry.models import EntryVersion

#: Longest list of differences on the page of a decision.
MOST_LINES = 200


@dataclass(frozen=True, slots=True)
class Line:
    place: str
    before: Cell
    after: Cell


@dataclass(frozen=True, slots=True)
class Offer:
    """What an agent had offered, marked where it differs from what was decided."""

    agent: str
    reason: str
    value: Cell


@dataclass(frozen=True, slots=True)
class Record:
    """``newest``: nothing was written since, so that an undo is exact."""

    lines: list[Line]
    offers: list[Offer]
    newest: bool
    version_now: int


def record_of(conflict: Conflict) -> Record:
    before, after = value_at(conflict, conflict.version_before), value_at(conflict, conflict.version_after)
    written = conflict.version_after is not None
    kept = after if written else before
    return Record(
        lines_between(before, after) if written else [],
        [
            Offer(
                each.agent_id, each.reason, cell_of(MISSING if each.deletes else each.value, kept, "deletes the entry")
            )
            for each in conflict.candidates.all()
        ],
        newest=conflict.version_after in (None, conflict.entry.sync_version),
        version_now=conflict.entry.sync_version,
    )


def value_at(conflict: Conflict, version: int | None) -> Any:
    if version is None:
        return MISSING
    found = EntryVersion.objects.filter(entry_id=conflict.entry_id, version=version).only("value", "action").first()
    return MISSING if found is None or found.action == "deleted" else found.value


def lines_between(before: Any, after: Any) -> list[Line]:
    return [
        Line(place_of(each.pointer), cell_of(each.old), cell_of(each.new, each.old))
        for each in compare(before, after)[:MOST_LINES]
    ]


@dataclass(frozen=True, slots=True)
class Unsaved:
    """A reviewer's picks that came too late: what they would change now, and the form that saves them all the same."""

    lines: list[Line]
    reason: str
    over: int
    fields: list[tuple[str, str]]


def unsaved(conflict: Conflict, picks: Picks) -> Unsaved | None:
    """None where nothing can be saved any more, because the entry is gone or the picks never made a valid value."""
    entry = conflict.entry
    mine = reapplying.result_of(conflict, seen=picks.entry_version, **picks.asked())
    if mine is None or entry.deleted_at is not None:
        return None
    return Unsaved(lines_between(entry.value, mine), picks.reason, entry.sync_version, fields_of(picks))


def fields_of(picks: Picks) -> list[tuple[str, str]]:
    """The form again, as hidden fields."""
    found = [("strategy", picks.strategy), ("entry_version", str(picks.entry_version)), ("reason", picks.reason)]
    found += [(field_name(PICK, pointer), side) for pointer, side in picks.sides.items()]
    found += [(field_name(EDIT, pointer), text) for pointer, text in picks.texts.items()]
    if picks.whole is not None:
        found += [("as", "json"), ("whole", picks.whole)]
    return found
