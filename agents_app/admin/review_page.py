"""What the review page shows of a preview: columns with the names of agents, a row per path, the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from agents_app.admin.picks import BY_HAND, EDIT, PICK, Picks, field_name
from agents_app.admin.review_cells import Cell, as_json, cell_of
from agents_app.models import Conflict, Strategy
from agents_app.resolution import Case, PathMerge
from agents_app.resolution.strategies import RANK_NAMES
from agents_app.services.conflicts import Preview
from memoryhub.registry.diffs import MISSING, compare, json_type
from memoryhub.registry.models import EntryVersion

LONGEST_SUGGESTION = 400
ORDER = {"clash": 0, "auto": 1, "one_sided": 2, "same": 3}


@dataclass(frozen=True, slots=True)
class Side:
    """A column: ``choice`` is the id that picks it, ``key`` the key that does."""

    choice: str
    sort: str
    title: str
    agent: str
    version: int | None = None
    at: datetime | None = None
    facts: str = ""
    reason: str = ""
    key: str = ""
    taken: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    number: int
    path: PathMerge
    place: str
    state: str
    state_says: str
    says: str
    automatic: str
    cells: list[Cell]
    result: Cell
    checked: str
    both: bool
    edit_text: str
    mistake: str

    @property
    def kind(self) -> str:
        return self.path.kind

    @property
    def alike(self) -> bool:
        """All sides say the same; who changed it from what is asked only where there is a common ancestor."""
        path = self.path
        alone = path.base is MISSING and not any(compare(path.current, value) for value in path.candidates)
        return path.kind == "same" or (alone and not self.checked)

    @property
    def field(self) -> str:
        return field_name(PICK, self.path.pointer)

    @property
    def edit_field(self) -> str:
        return field_name(EDIT, self.path.pointer)

    @property
    def edit_rows(self) -> int:
        return min(8, max(2, self.edit_text.count("\n") + 1 + len(self.edit_text) // 60))

    @property
    def same(self) -> Cell:
        return cell_of(self.path.current)


@dataclass(frozen=True, slots=True)
class StrategyChoice:
    name: str
    title: str
    available: bool
    winner: str
    why: str
    tie_break: str
    checked: bool


@dataclass(frozen=True, slots=True)
class Page:
    """All that the templates of the page and of its preview ask for."""

    conflict_version: int
    entry_version: int
    sides: list[Side]
    strategies: list[StrategyChoice]
    rows: list[Row]
    same: list[Row]
    ancestor: bool
    changed: int
    valid: bool
    invalid_says: str
    whole_on: bool
    whole_text: str
    whole_mistake: str
    reason: str
    suggestion: str
    button: str
    take: str

    @property
    def columns(self) -> int:
        return len(self.sides) + 2


def page_of(conflict: Conflict, found: Preview, picks: Picks) -> Page:
    """The page for a preview that was made with ``picks``."""
    sides = [replace(side, taken=side.choice == picks.side) for side in sides_of(conflict, found.case)]
    rows = [row_of(number, path, sides, found, picks) for number, path in enumerate(in_order(found.paths))]
    mistakes = len(picks.mistakes) + len(found.errors)
    return Page(
        conflict_version=found.conflict_version,
        entry_version=found.entry_version,
        sides=sides,
        strategies=strategies_of(found, sides, picks),
        rows=[row for row in rows if not row.alike],
        same=[row for row in rows if row.alike],
        ancestor=any(side.choice == "base" for side in sides),
        changed=len(found.changed),
        valid=found.valid and not picks.mistakes,
        invalid_says=invalid_says(found, picks, mistakes),
        whole_on=picks.whole is not None,
        whole_text=whole_text(found, picks),
        whole_mistake=picks.mistakes.get(None, ""),
        reason=picks.reason,
        suggestion=suggestion(sides, found, picks),
        button="Resolve",
        take="keep this value" if conflict.other else "take all",
    )


def in_order(paths: list[PathMerge]) -> list[PathMerge]:
    """What has to be decided first, then as in the document."""
    return sorted(paths, key=lambda path: ORDER[path.kind])


# -- columns -------------------------------------------------------------------------------------------------


def sides_of(conflict: Conflict, case: Case) -> list[Side]:
    finding = conflict.other is not None
    current = Side(
        "current",
        "current",
        "This entry" if finding else "Current",
        case.current.agent_id,
        case.current.version,
        case.current.written_at,
        facts(case.current.importance, case.current.rank, conflict.entry.key if finding else ""),
        key="1",
    )
    return [*base_side(conflict, case), current, *offered(conflict, case)]


def base_side(conflict: Conflict, case: Case) -> list[Side]:
    offer = next((offer for offer in case.offers if offer.base is not None), None)
    if offer is None or offer.base_version is None:
        return []
    version = EntryVersion.objects.filter(entry_id=conflict.entry_id, version=offer.base_version)
    known = version.only("author", "created_at").first()
    author, at = (known.author, known.created_at) if known else ("", None)
    return [Side("base", "base", "Base", author, offer.base_version, at)]


def offered(conflict: Conflict, case: Case) -> list[Side]:
    """A column per candidate; of a finding, the other entry."""
    other = conflict.other
    reasons = [] if other else [candidate.reason for candidate in conflict.candidates.all()]
    return [
        Side(
            f"candidate:{place}",
            "incoming",
            "Other entry" if other else "Incoming",
            offer.agent_id,
            other.sync_version if other else None,
            offer.written_at,
            facts(offer.importance, offer.rank, other.key if other else made_from(conflict, offer.base_version)),
            reasons[place - 1] if place <= len(reasons) else "",
            key=str(place + 1) if place < 9 else "",
        )
        for place, offer in enumerate(case.offers, 1)
    ]


def made_from(conflict: Conflict, version: int | None) -> str:
    return f"from v{version}" if version not in (None, conflict.base_version) else ""


def facts(importance: float, rank: int, more: str = "") -> str:
    said = [more, f"importance {importance:g}", f"priority {RANK_NAMES.get(rank, 'medium')}"]
    return " · ".join(each for each in said if each)


def name_of(choice: str | None, sides: list[Side]) -> str:
    """``crm-bot``; a merge and picks have no agent."""
    if choice == "merge":
        return "merged"
    return next((side.agent or side.title for side in sides if side.choice == choice), "")


# -- strategies ------------------------------------------------------------------------------------------------


def strategies_of(found: Preview, sides: list[Side], picks: Picks) -> list[StrategyChoice]:
    """A person's own picks first, then what decides by itself."""
    names = sorted(found.strategies, key=lambda name: name != Strategy.MANUAL_REVIEW)
    return [
        StrategyChoice(
            name,
            "Pick by path" if name == Strategy.MANUAL_REVIEW else str(Strategy(name).label),
            usable(found, name),
            name_of(found.strategies[name].winner, sides),
            why_of(found, name, sides),
            found.strategies[name].tie_break,
            name == picks.strategy,
        )
        for name in names
    ]


def why_of(found: Preview, name: str, sides: list[Side]) -> str:
    """Without the winner's name, which stands above it."""
    if name == Strategy.MANUAL_REVIEW:
        return "you decide; what fits together is merged"
    winner = name_of(found.strategies[name].winner, sides)
    return found.strategies[name].why.removeprefix(f"{winner}: ")


def usable(found: Preview, name: str) -> bool:
    """A merge with clashes is what picking by path begins with."""
    preview = found.strategies[name]
    return name == Strategy.MANUAL_REVIEW or (preview.available and preview.winner is not None)


# -- rows -------------------------------------------------------------------------------------------------------


def row_of(number: int, path: PathMerge, sides: list[Side], found: Preview, picks: Picks) -> Row:
    checked = picks.sides.get(path.pointer, "")
    place = place_of(path.pointer)
    decided = picks.automatic
    state, state_says = state_of(path, checked, decided)
    options = set(path.options)
    cells = [cell_for(side, path, place, options, checked) for side in sides]
    by_hand = checked == BY_HAND and path.pointer in picks.texts
    return Row(
        number=number,
        path=path,
        place=place,
        state=state,
        state_says=state_says,
        says=says(path, sides),
        automatic="as chosen above"
        if decided
        else {"clash": "undecided", "auto": "merged"}.get(path.kind, "as changed"),
        cells=cells,
        result=cell_of(path.result, gone="left out" if path.pointer else "deletes the entry"),
        checked=checked,
        both="both" in options,
        edit_text=edit_text(path, picks) if by_hand else as_json(path.result),
        mistake=picks.mistakes.get(path.pointer, "") or problem_of(path.pointer, found, checked),
    )


def edit_text(path: PathMerge, picks: Picks) -> str:
    """As it was typed where it is no JSON, else formatted."""
    if path.pointer in picks.typed:
        return as_json(picks.typed[path.pointer])
    return picks.texts[path.pointer]


def problem_of(pointer: str, found: Preview, checked: str) -> str:
    """What the services say about a pick; that a clash has none is said by its label."""
    return next((error.message for error in found.errors if checked and error.pointer == pointer), "")


def place_of(pointer: str) -> str:
    if not pointer:
        return "(whole value)"
    return f"{pointer[1:]} (attribute)" if pointer.startswith("@") else pointer


def state_of(path: PathMerge, checked: str, decided: bool) -> tuple[str, str]:
    """A label's sort and words."""
    if checked:
        return "picked", "edited" if checked == BY_HAND else "picked"
    if path.kind == "clash":
        return ("decided", "decided") if decided else ("clash", "clash: pick one")
    return ("auto", "merged") if path.kind == "auto" else ("one_sided", "one side changed")


def says(path: PathMerge, sides: list[Side]) -> str:
    """Who changed it, a change of type, and why sides clash."""
    told = [path.note] if path.note else []
    if path.kind == "one_sided":
        told.append(changed_by(path, sides))
    if path.type_changed:
        kinds = dict.fromkeys(json_type(value) for value in (path.base, path.current, *path.candidates))
        told.append("type: " + " / ".join(kind for kind in kinds if kind != "missing"))
    return "; ".join(each for each in told if each)


def changed_by(path: PathMerge, sides: list[Side]) -> str:
    values = {"current": path.current}
    values |= {f"candidate:{place}": value for place, value in enumerate(path.candidates, 1)}
    changed = [name_of(choice, sides) for choice, value in values.items() if compare(path.base, value)]
    return f"by {', '.join(dict.fromkeys(changed))}" if changed else ""


def cell_for(side: Side, path: PathMerge, place: str, options: set[str], checked: str) -> Cell:
    if side.choice == "base":
        value, against = path.base, MISSING
    elif side.choice == "current":
        value, against = path.current, path.base
    else:
        value = path.candidates[int(side.choice.removeprefix("candidate:")) - 1]
        against = path.base if path.base is not MISSING else path.current
    shown = cell_of(value, against, gone="not there" if path.pointer else "deletes the entry")
    return Cell(
        side.choice,
        f"{side.agent or side.title} for {place}",
        shown.gone,
        shown.pieces,
        shown.html,
        pickable=side.choice in options,
        checked=checked == side.choice,
        unchanged=side.choice != "base" and path.base is not MISSING and not compare(path.base, value),
    )


# -- the result ---------------------------------------------------------------------------------------------------


def whole_text(found: Preview, picks: Picks) -> str:
    if picks.whole is not None and None in picks.mistakes:
        return picks.whole
    return as_json(found.value)


def invalid_says(found: Preview, picks: Picks, mistakes: int) -> str:
    if not mistakes:
        return ""
    if found.clashes and not picks.mistakes:
        return f"{found.clashes} clash{'' if found.clashes == 1 else 'es'} to decide"
    return f"{mistakes} mistake{'' if mistakes == 1 else 's'} to correct"


def suggestion(sides: list[Side], found: Preview, picks: Picks) -> str:
    """A reason for the trail, from what was chosen; the reviewer may write another one."""
    if picks.whole is not None:
        return "Edited by hand"
    said = picked_says(sides, picks.sides)
    if picks.side:
        said = f"The version of {name_of(picks.side, sides)}" + (f"; but {said}" if said else "")
    elif picks.automatic:
        preview = found.strategies[picks.strategy]
        said = f"{Strategy(picks.strategy).label}: {preview.why}" + (f"; but {said}" if said else "")
    elif not said and found.valid:
        said = "Merged: the changes fit together"
    return said[:LONGEST_SUGGESTION]


def picked_says(sides: list[Side], picked: Mapping[str, str]) -> str:
    by_side: dict[str, list[str]] = {}
    for pointer, side in picked.items():
        by_side.setdefault(side, []).append(place_of(pointer))
    said = []
    for side, places in by_side.items():
        where = ", ".join(places[:3]) + (f" and {len(places) - 3} more" if len(places) > 3 else "")
        who = {"both": "both", BY_HAND: "edited by hand"}.get(side) or name_of(side, sides)
        said.append(f"{who} for {where}")
    return "; ".join(said)
