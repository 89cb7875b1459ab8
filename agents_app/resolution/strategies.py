"""What each of the five strategies would do with a case, and why, in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from agents_app.resolution.applying import Resolution, apply, taken
from agents_app.resolution.cases import RANK_OF_PERSON, Case, Committed, Offer

Entrant = Committed | Offer
LONG_AGO = datetime.min.replace(tzinfo=UTC)
RANK_NAMES = {1: "low", 2: "medium", 3: "high", 4: "critical", RANK_OF_PERSON: "a person"}


@dataclass(frozen=True, slots=True)
class StrategyPreview:
    """``winner``: "current", "candidate:<n>", "merge", or None where a person has to decide.

    ``why`` gives the reason, or why the strategy cannot be used; ``tie_break`` what decided between equals.
    ``value`` is what the entry would hold (MISSING: it would go), with clashes left as committed.
    """

    strategy: str
    available: bool
    winner: str | None
    why: str
    tie_break: str
    value: Any
    clashes: int
    attributes: dict[str, Any]


def preview_all(case: Case) -> dict[str, StrategyPreview]:
    """The five strategies by name."""
    merged = apply(case)
    return {name: preview(name, case, merged) for name in STRATEGIES}


def preview(strategy: str, case: Case, merged: Resolution | None = None) -> StrategyPreview:
    """What one strategy would do. ``merged``: the plain merge of the case, where it is known already."""
    if strategy in ONE_SIDE:
        return ONE_SIDE[strategy](case)
    return MERGING[strategy](case, merged or apply(case))


def side_of(winner: str | None) -> str | None:
    """The side that is taken as a whole, if one is."""
    return None if winner in (None, "merge") else winner


def latest_wins(case: Case) -> StrategyPreview:
    place, tie = first_of(case, lambda entrant: entrant.written_at or LONG_AGO)
    when = moment(entrants(case)[place].written_at)
    broken = "written at the same time: the committed one stays" if tie else ""
    return one_side("latest_wins", case, place, f"written last, at {when}", broken)


def highest_importance(case: Case) -> StrategyPreview:
    place, tie = first_of(case, lambda entrant: entrant.importance, latest)
    broken = "equally important: the latest wins" if tie else ""
    return one_side(
        "highest_importance", case, place, f"highest importance, {entrants(case)[place].importance:g}", broken
    )


def agent_priority(case: Case) -> StrategyPreview:
    place, tie = first_of(case, rank, latest)
    broken = "same priority: the latest wins" if tie else ""
    why = f"highest priority, {RANK_NAMES[entrants(case)[place].rank]}"
    if place == 0 and any(offer.proposal for offer in case.offers):
        why += "; a proposal of a lower-priority agent cannot win by priority"
    return one_side("agent_priority", case, place, why, broken)


def merge_content(case: Case, merged: Resolution) -> StrategyPreview:
    if case.whole:
        return previewed("merge_content", merged, None, "encrypted values cannot be merged", available=False)
    automatic = sum(path.kind == "auto" for path in merged.paths)
    one_sided = sum(path.kind == "one_sided" for path in merged.paths)
    why = f"{one_sided} changed by one side, {automatic} merged, {counted(merged.clashes)}"
    return previewed("merge_content", merged, None if merged.clashes else "merge", why)


def manual_review(case: Case, merged: Resolution) -> StrategyPreview:
    return previewed("manual_review", merged, None, "a person decides")


ONE_SIDE: dict[str, Callable[[Case], StrategyPreview]] = {
    "latest_wins": latest_wins,
    "highest_importance": highest_importance,
    "agent_priority": agent_priority,
}
MERGING: dict[str, Callable[[Case, Resolution], StrategyPreview]] = {
    "merge_content": merge_content,
    "manual_review": manual_review,
}
STRATEGIES = (*ONE_SIDE, *MERGING)


def entrants(case: Case) -> list[Entrant]:
    return [case.current, *case.offers]


def latest(entrant: Entrant) -> datetime:
    return entrant.written_at or LONG_AGO


def rank(entrant: Entrant) -> int:
    return 0 if isinstance(entrant, Offer) and entrant.proposal else entrant.rank


def first_of(case: Case, *measures: Callable[[Any], Any]) -> tuple[int, bool]:
    """The place of the winner (0: the committed one, which wins among equals), and whether there was a tie."""
    field = entrants(case)
    scores = [tuple(measure(entrant) for measure in measures) for entrant in field]
    best = scores.index(max(scores))
    return best, sum(score[0] == scores[best][0] for score in scores) > 1


def one_side(strategy: str, case: Case, place: int, why: str, tie_break: str) -> StrategyPreview:
    winner = "current" if place == 0 else f"candidate:{place}"
    name = entrants(case)[place].agent_id or "the committed version"
    return previewed(strategy, taken(case, winner), winner, f"{name}: {why}", tie_break)


def previewed(
    strategy: str,
    made: Resolution,
    winner: str | None,
    why: str,
    tie_break: str = "",
    *,
    available: bool = True,
) -> StrategyPreview:
    return StrategyPreview(strategy, available, winner, why, tie_break, made.value, made.clashes, made.attributes)


def counted(clashes: int) -> str:
    return "no clash" if clashes == 0 else "1 clash" if clashes == 1 else f"{clashes} clashes"


def moment(at: datetime | None) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if at else "an unknown time"
