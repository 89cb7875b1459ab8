"""What a path may lead to at a place of a procedure: its inputs, and steps before that place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from procedures_app.documents import paths
from procedures_app.documents.preconditions import confirmations
from procedures_app.documents.reading import Document


@dataclass(frozen=True, slots=True)
class Scope:
    """``evidence`` has the names of the evidence of every step, in order; the first ``reach`` of them are known."""

    inputs: frozenset[str]
    evidence: tuple[tuple[str, frozenset[str]], ...]
    reach: int

    @classmethod
    def of(cls, document: Document) -> Scope:
        asked = [*document["inputs"], *confirmations(document["preconditions"])]
        steps = tuple((step["id"], names_of(step)) for step in document["steps"])
        return cls(frozenset(field["name"] for field in asked), steps, len(steps))

    def before(self, index: int) -> Scope:
        return replace(self, reach=index)

    def through(self, index: int) -> Scope:
        return replace(self, reach=index + 1)

    def lacks(self, text: str) -> str:
        """Why a path leads nowhere; empty where it leads somewhere."""
        path = paths.parse(text)
        if path is None:
            return f"{{{{{text}}}}} is not known. Write {paths.SHAPES}."
        if path.part == "inputs":
            return "" if path.rest[0] in self.inputs else f"There is no input '{path.rest[0]}'. {self.listed()}"
        return self.lacks_in_step(path)

    def lacks_in_step(self, path: paths.Path) -> str:
        place = next((n for n, (step_id, _) in enumerate(self.evidence) if step_id == path.step), None)
        if place is None:
            return f"There is no step '{path.step}'."
        if place >= self.reach:
            return f"The step '{path.step}' comes later: nothing of it is known here yet."
        if path.part == "evidence" and path.rest[0] not in self.evidence[place][1]:
            return f"The step '{path.step}' asks for no evidence '{path.rest[0]}'."
        return ""

    def listed(self) -> str:
        return f"There are: {', '.join(sorted(self.inputs))}." if self.inputs else "The procedure has no inputs."


def names_of(step: dict[str, Any]) -> frozenset[str]:
    return frozenset(field["name"] for field in [*step["evidence"], *confirmations(step["preconditions"])])
