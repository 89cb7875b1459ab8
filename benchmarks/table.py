"""The printed form of a figure: what was measured, its floor, their ratio, the target."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """``value`` and ``floor`` in ``unit``; the ratio is value / floor, or floor-free when there is none."""

    what: str
    value: float
    unit: str
    floor: float | None = None
    floor_name: str = ""
    target: str = ""
    note: str = ""

    def cells(self) -> list[str]:
        ratio = f"{self.value / self.floor:.2f}" if self.floor else ""
        floor = f"{self.floor:,.4g} ({self.floor_name})" if self.floor else self.floor_name
        return [self.what, f"{self.value:,.4g} {self.unit}", floor, ratio, self.target, self.note]


HEAD = ["what", "measured", "floor in the same run", "ratio", "target", "note"]


def markdown(rows: list[Row]) -> str:
    lines = ["| " + " | ".join(HEAD) + " |", "|---" * len(HEAD) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row.cells()) + " |" for row in rows])
