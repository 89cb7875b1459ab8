"""What the editor's page shows: the state of the form, row by row, and what is known about it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from procedures_app.admin import desk_places
from procedures_app.admin.desk_form import UNITS, State, one_line, parts_of
from procedures_app.admin.desk_moves import Removed
from procedures_app.admin.desk_places import Line
from procedures_app.documents import Problem
from procedures_app.models import OnFailure, Procedure, StepKind
from procedures_app.procedure_words import COMPARISONS, FIELD_TYPES, Choices, limits_say

MODES = {"form": "a form", "yaml": "YAML", "markdown": "Markdown"}
OTHERWISE: Choices = (("block", "the step waits"), ("skip", "the step does not apply"))
METHODS: Choices = tuple((name, name) for name in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"))
ACTIONS: Choices = (
    ("store", "Store a memory"),
    ("retrieve", "Retrieve a memory"),
    ("search", "Search memory"),
    ("capture_knowledge", "Capture knowledge"),
)
ROLLBACK_KINDS: Choices = (
    ("", "Not at all"),
    ("instruction", "By the agent"),
    ("http", "By an HTTP call"),
    ("memory", "By a memory action"),
)
#: Controls in the folded parts of a step, beside what begins with ``preconditions`` or ``rollback``.
LIMITS = ("agents", "time_limit", "time_unit", "max_attempts", "on_failure", "id")
MOST_INSERTABLE = 60
#: Of what the page began with, in characters: the form holds the document itself as well, and has a limit. A longer
#: one is left out, and a late save then shows less of what others changed.
LONGEST_BASE = 200_000


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a list: ``at`` is its place."""

    at: str
    number: int
    row: State
    first: bool
    last: bool


@dataclass(frozen=True, slots=True)
class StepRow(Row):
    open: bool
    kind_says: str
    errors: int
    warnings: int
    evidence: list[Row]
    preconditions: list[Row]
    open_parts: dict[str, bool]
    limits_say: str
    seen: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Stale:
    """Somebody saved the draft since: who, and what changed from the draft that this page began with."""

    author: str
    at: datetime
    revision: int
    changes: Any
    fits: bool
    clashes: list[str]


@dataclass
class Form:
    """For ``procedures/editor.html``. ``base`` is the document that the page began with, as JSON on the page."""

    tenant: str
    state: State
    address: str
    procedure: Procedure | None = None
    revision: int | None = None
    based_on: int | None = None
    author: str = ""
    saved_at: datetime | None = None
    newer: int | None = None
    base: dict[str, Any] | None = None
    removed: Removed = field(default_factory=list)
    mode: str = "form"
    text: str = ""
    unsaved: bool = False
    says: str = ""
    focus: str = ""
    problem: str = ""
    found: list[Problem] = field(default_factory=list)
    checked: bool = False
    stale: Stale | None = None
    seen: dict[int, dict[str, Any]] = field(default_factory=dict)
    refused: bool = False
    known: Choices = ()
    tenants: list[str] = field(default_factory=list)
    back: str = ""
    publish_address: str = ""
    rebase_address: str = ""

    field_types = FIELD_TYPES
    comparisons = COMPARISONS
    otherwise = OTHERWISE
    methods = METHODS
    actions = ACTIONS
    rollback_kinds = ROLLBACK_KINDS
    step_kinds: Choices = tuple(StepKind.choices)
    policies: Choices = tuple(OnFailure.choices)
    units: Choices = tuple((str(size), name) for size, name in reversed(UNITS))

    def __post_init__(self) -> None:
        self.at_places = desk_places.by_place(self.found)

    def show(self, problems: list[Problem]) -> None:
        """Puts the problems at their controls and into the summary."""
        self.found, self.checked = problems, True
        self.at_places = desk_places.by_place(problems)

    # -- problems ---------------------------------------------------------------------------------------------

    def problems_at(self, place: str) -> list[Problem]:
        return self.at_places.get(place, [])

    def has_errors(self, place: str) -> bool:
        return any(problem.level == "error" for problem in self.problems_at(place))

    def count(self, start: str, level: str) -> int:
        return sum(
            problem.level == level
            for place, problems in self.at_places.items()
            if place.startswith(f"{start}.")
            for problem in problems
        )

    @property
    def errors(self) -> int:
        return sum(problem.level == "error" for problem in self.found)

    @property
    def summary(self) -> list[Line]:
        found = desk_places.lines(self.found, self.state)
        return found if self.mode == "form" else [Line(one.level, one.where, one.message, "") for one in found]

    @property
    def summary_title(self) -> str:
        if not self.errors:
            return "It can be published. Worth a look:"
        things = f"{self.errors} thing{'' if self.errors == 1 else 's'} to mend"
        return f"Not saved: {things} first" if self.refused else f"{things} before it can be published"

    # -- the page -----------------------------------------------------------------------------------------------

    @property
    def heading(self) -> str:
        return str(self.state.get("title") or (self.procedure.name if self.procedure else "New procedure"))

    @property
    def chooses_tenant(self) -> bool:
        return self.procedure is None and self.mode == "form" and len(self.tenants) > 1

    @property
    def mode_says(self) -> str:
        return MODES[self.mode]

    @property
    def other_modes(self) -> list[tuple[str, str]]:
        if self.mode == "form":
            return [("yaml", "Edit as YAML"), ("markdown", "Edit as Markdown")]
        return [("form", "Back to the form")]

    @property
    def back_says(self) -> str:
        return "Close"

    @property
    def base_text(self) -> str:
        text = json.dumps(self.base) if self.base else ""
        return text if len(text) <= LONGEST_BASE else ""

    @property
    def removed_text(self) -> str:
        return json.dumps(self.removed) if self.removed else ""

    # -- rows -----------------------------------------------------------------------------------------------------

    def rows(self, found: list[State], start: str) -> list[Row]:
        last = len(found) - 1
        return [Row(f"{start}.{n}", n + 1, row, n == 0, n == last) for n, row in enumerate(found)]

    @property
    def inputs(self) -> list[Row]:
        return self.rows(self.state["inputs"], "inputs")

    @property
    def preconditions(self) -> list[Row]:
        return self.rows(self.state["preconditions"], "preconditions")

    @property
    def open_parts(self) -> dict[str, bool]:
        return {name: self.touches(name) for name in ("inputs", "preconditions")}

    @property
    def steps(self) -> list[StepRow]:
        if not hasattr(self, "_steps"):
            last = len(self.state["steps"]) - 1
            self._steps = [self.step(n, row, last) for n, row in enumerate(self.state["steps"])]
        return self._steps

    def step(self, n: int, row: State, last: int) -> StepRow:
        at = f"steps.{n}"
        errors = self.count(at, "error")
        return StepRow(
            at=at,
            number=n + 1,
            row=row,
            first=n == 0,
            last=n == last,
            open=bool(row.get("open")) or errors > 0 or n in self.seen,
            kind_says=dict(StepKind.choices).get(row.get("kind", ""), "Unknown kind"),
            errors=errors,
            warnings=self.count(at, "warning"),
            evidence=self.rows(row["evidence"], f"{at}.evidence"),
            preconditions=self.rows(row["preconditions"], f"{at}.preconditions"),
            open_parts=self.step_parts(row, at),
            limits_say=limits_of(row),
            seen=self.seen.get(n),
        )

    def step_parts(self, row: State, at: str) -> dict[str, bool]:
        return {
            "preconditions": bool(row["preconditions"]) or self.touches(f"{at}.preconditions"),
            "limits": any(self.touches(f"{at}.{name}") for name in LIMITS),
            "rollback": self.touches(f"{at}.rollback"),
        }

    def touches(self, start: str) -> bool:
        """Whether the focus or a problem is at or below a place."""
        places = (self.focus, *self.at_places)
        return any(place in (start, f"append:{start}") or place.startswith(f"{start}.") for place in places)

    # -- placeholders ---------------------------------------------------------------------------------------------

    @property
    def insertable(self) -> list[str]:
        return [f"{{{{{path}}}}}" for path in paths_in(self.state)][:MOST_INSERTABLE]


def paths_in(state: Mapping[str, Any]) -> Iterator[str]:
    """Everything that an instruction at the end could insert."""
    for one in state["inputs"]:
        if name := one_line(one.get("name")):
            yield f"inputs.{name}"
    for step in state["steps"]:
        if step_id := one_line(step.get("id")):
            names = [name for one in step["evidence"] if (name := one_line(one.get("name")))]
            yield from (f"steps.{step_id}.evidence.{name}" for name in names)
            if step.get("kind") in ("http", "memory"):
                yield f"steps.{step_id}.output"


def limits_of(row: State) -> str:
    """What the folded part of a step says of itself."""
    amount, unit = one_line(row.get("time_limit")), {str(size): name for size, name in UNITS}
    named = unit.get(str(row.get("time_unit")), "")
    limit = f"{amount} {named.removesuffix('s') if amount == '1' else named}" if amount else ""
    attempts = one_line(row.get("max_attempts")) or "1"
    return limits_say(parts_of(row.get("agents")), limit, attempts, str(row.get("on_failure")))
