"""The sharing matrix as its page shows it: rows and columns of cells, what each cell says, and what is pending."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.urls import reverse

from agents_app.models import SharingRule
from agents_app.services.matrix import Matrix
from agents_app.services.matrix_cells import LETTERS, NOTHING, Cell, CellChange, in_words, normal
from memoryhub.access.exceptions import Invalid

#: With more agents than this, agents are the rows.
MOST_COLUMNS = 8
SHORT_WORDS = {"R": "reads", "W": "changes", "P": "is told", "X": "keeps its own", NOTHING: "no access"}
#: What can be chosen about others' memories, and how the choice is put.
ACCESS = (
    (NOTHING, "No access"),
    ("R", "Reads them"),
    ("RW", "Reads and may change them"),
    ("RP", "Reads them and is told of new ones"),
    ("RWP", "Reads, may change and is told of them"),
)


@dataclass(frozen=True, slots=True)
class Box:
    """One cell on the page. ``number`` is its place in the order of reading."""

    cell: Cell
    number: int

    @property
    def letters(self) -> list[str]:
        return list(self.cell.letters)

    @property
    def short(self) -> str:
        return ", ".join(SHORT_WORDS[letter] for letter in self.cell.letters)

    @property
    def rules(self) -> str:
        return " ".join(map(str, self.cell.rule_ids))


@dataclass(frozen=True, slots=True)
class Line:
    head: str
    boxes: list[Box]


@dataclass(frozen=True, slots=True)
class Grid:
    """``corner`` says what the rows are; transposed, agents are the rows and categories the columns."""

    corner: str
    columns: list[str]
    lines: list[Line]
    transposed: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """What the form of the page brought: pending cells, the versions that were seen, the reason, and for which
    changes the impact was shown."""

    changes: list[CellChange] = field(default_factory=list)
    versions: dict[str, int] = field(default_factory=dict)
    reason: str = ""
    previewed: str = ""

    @property
    def digest(self) -> str:
        return digest(self.changes)


def grid_of(matrix: Matrix, extra: str = "") -> Grid:
    """``extra`` is a category that no rule or memory has yet: an empty row for it comes first."""
    categories = [extra, *matrix.categories] if extra and extra not in matrix.categories else matrix.categories
    transposed = len(matrix.agents) > MOST_COLUMNS
    heads, columns = (matrix.agents, categories) if transposed else (categories, matrix.agents)
    lines = []
    for row, head in enumerate(heads):
        places = [(column, head) if transposed else (head, column) for column in columns]
        cells = [matrix.cells.get(place) or empty(*place) for place in places]
        lines.append(Line(head, [Box(cell, row * len(columns) + n) for n, cell in enumerate(cells)]))
    return Grid("Agent" if transposed else "Category", list(columns), lines, transposed)


def empty(category: str, agent: str) -> Cell:
    return Cell(category, agent, NOTHING, in_words(NOTHING), (), 0, 0)


def rule_texts(rules: Sequence[SharingRule]) -> dict[str, dict[str, str]]:
    """Each rule in words with the address of its page, for the details of a cell."""
    return {
        str(rule.pk): {"text": in_sentence(rule), "url": reverse("admin:agents_app_sharingrule_change", args=[rule.pk])}
        for rule in rules
    }


def in_sentence(rule: SharingRule) -> str:
    source = rule.from_agent or "any agent"
    if rule.action == SharingRule.Action.RESTRICT:
        return f"What {source} stores here never leaves it."
    does = "Shares and announces" if rule.action == SharingRule.Action.PROPAGATE else "Shares"
    rights = "to read and change" if rule.can_write else "to read"
    return f"{does} what {source} stores with {', '.join(rule.to_agents)}, {rights}."


def asked_of(posted: Any) -> Asked:
    """From the fields of the form. Raises Invalid for what the page could not have sent."""
    changes = [change_of(row) for row in parsed(posted.get("changes", ""), list)]
    versions = parsed(posted.get("versions", ""), dict)
    if not all(isinstance(version, int) for version in versions.values()):
        raise Invalid("versions", "The versions are not readable. Load the page again.")
    places = {(change.category, change.agent_id): change for change in changes}
    return Asked(
        sorted(places.values(), key=lambda change: (change.category, change.agent_id)),
        versions,
        str(posted.get("reason", "")).strip(),
        str(posted.get("previewed", "")),
    )


def parsed(text: str, kind: type) -> Any:
    try:
        found = json.loads(text or ("[]" if kind is list else "{}"))
    except (ValueError, RecursionError) as error:
        raise Invalid("changes", "The pending changes are not readable. Load the page again.") from error
    if not isinstance(found, kind):
        raise Invalid("changes", "The pending changes are not readable. Load the page again.")
    return found


def change_of(row: Any) -> CellChange:
    names = ("category", "agent_id", "letters")
    if not isinstance(row, dict) or not all(isinstance(row.get(name), str) for name in names):
        raise Invalid("changes", "A pending change is not readable. Load the page again.")
    found = CellChange(*(row[name] for name in names))
    return replace(found, letters=normal(found.letters))


def digest(changes: Sequence[CellChange]) -> str:
    """Names exactly these changes, so that what is saved is what the impact was shown of."""
    said = json.dumps([[c.category, c.agent_id, c.letters] for c in changes], ensure_ascii=False)
    return hashlib.sha256(said.encode()).hexdigest()[:32]


def as_rows(changes: Sequence[CellChange]) -> list[dict[str, str]]:
    return [{"category": c.category, "agent_id": c.agent_id, "letters": c.letters} for c in changes]


LEGEND = [(letter, SHORT_WORDS[letter], in_words(letter)) for letter in (*LETTERS, NOTHING)]
