"""Which knowledge a person should look at, and why; and what stands around one piece of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet

from memoryhub.access.principals import Principal
from procedures_app.models import Knowledge, Solution

#: A problem that came up this often is worth a person's look.
MET_OFTEN = 3
#: Before so many tries a rate says little, and is held against nobody.
TRIED_ENOUGH = 3
#: Two solutions contradict each other when one is above the first and the other below the second.
WORKS, FAILS = 0.65, 0.35


@dataclass(frozen=True, slots=True)
class Ground:
    """A reason to look at active knowledge. ``short`` follows a number; ``rows`` gives its condition."""

    name: str
    title: str
    short: str
    advice: str
    rows: Callable[[], Q]


def active_solutions() -> QuerySet[Any]:
    """Of the knowledge of an outer query."""
    return Solution.objects.filter(knowledge=OuterRef("pk"), status=Solution.Status.ACTIVE).order_by()


def tried() -> QuerySet[Any]:
    return active_solutions().filter(usage_count__gte=TRIED_ENOUGH)


def unverified() -> Q:
    return Q(verified_by="", occurrences__gte=MET_OFTEN)


def contradicting() -> Q:
    return Q(Exists(tried().filter(success_rate__gte=WORKS))) & Q(Exists(tried().filter(success_rate__lte=FAILS)))


def failing() -> Q:
    """Something was tried often enough, nothing tried works, and nothing new waits to be tried."""
    better = active_solutions().filter(Q(success_rate__gt=FAILS) | Q(usage_count__lt=TRIED_ENOUGH))
    return Q(Exists(tried())) & ~Q(Exists(better))


def unsolved() -> Q:
    return Q(problem_signature__isnull=False, occurrences__gte=MET_OFTEN) & ~Q(Exists(active_solutions()))


GROUNDS = (
    Ground(
        "unsolved",
        "Met often, no solution",
        "without a solution",
        f"It came up {MET_OFTEN} times or more and nobody knows what to do. Add a solution, or supersede it by a "
        "problem that has one.",
        unsolved,
    ),
    Ground(
        "failing",
        "No solution works",
        "whose solutions fail",
        f"Everything that was tried {TRIED_ENOUGH} times or more fails. Add a better solution and retire those.",
        failing,
    ),
    Ground(
        "contradicting",
        "Solutions contradict",
        "with contradicting solutions",
        "One solution works and another one fails. Retire the one that fails, or say when which of them fits.",
        contradicting,
    ),
    Ground(
        "unverified",
        "Met often, not verified",
        "met often and not verified",
        f"It came up {MET_OFTEN} times or more and no person has confirmed it. Read it, mend it, verify it.",
        unverified,
    ),
)
BY_NAME = {ground.name: ground for ground in GROUNDS}


def needing(name: str = "") -> Q:
    """Active knowledge that needs a person: for one ground, or for any of them."""
    found = Q()
    for ground in [BY_NAME[name]] if name in BY_NAME else GROUNDS:
        found |= ground.rows()
    return Q(status=Knowledge.Status.ACTIVE) & found


def to_curate(principal: Principal, name: str = "") -> QuerySet[Any]:
    return Knowledge.objects.visible_to(principal).filter(needing(name))


def counts(principal: Principal, most: int) -> tuple[int, dict[str, int]]:
    """How many need a person, counted up to ``most``, and how many of them for each ground by its short words."""
    rows = list(with_grounds(to_curate(principal)).only("status").order_by()[:most])
    told = Counter(ground.short for row in rows for ground in grounds_of(row))
    return len(rows), {ground.short: told[ground.short] for ground in GROUNDS if told[ground.short]}


def with_grounds(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Each row with ``needs_<ground>``, for ``grounds_of``."""
    told: QuerySet[Any] = rows.annotate(**{f"needs_{ground.name}": ground.rows() for ground in GROUNDS})
    return told


def grounds_of(knowledge: Any) -> list[Ground]:
    """Why this row, of ``with_grounds``, needs a person; nothing for what is not active."""
    if knowledge.status != Knowledge.Status.ACTIVE:
        return []
    return [ground for ground in GROUNDS if getattr(knowledge, f"needs_{ground.name}")]


def rate_words(solution: Solution) -> str:
    """``4 of 5 tries worked``, and what the rate adds to that."""
    tries = solution.successes + solution.failures
    if not tries:
        return "Not tried yet"
    return f"{solution.successes} of {tries} {'try' if tries == 1 else 'tries'} worked"


def prior_words() -> str:
    """What every rate begins with, in words."""
    prior = settings.CONFIG.procedures
    start = prior.prior_successes / (prior.prior_successes + prior.prior_failures)
    return (
        f"Every solution starts as if it had worked {prior.prior_successes:g} and failed {prior.prior_failures:g} "
        f"{'time' if prior.prior_failures == 1 else 'times'}: an untried one stands at {start:.0%}, and one success "
        "is no certainty. Real tries soon outweigh this."
    )


def twins(knowledge: Knowledge, principal: Principal, text: str) -> Iterator[Knowledge]:
    """Active knowledge of the same tenant and reader that could be the same thing; ``text`` narrows by title."""
    rows = Knowledge.objects.visible_to(principal).filter(
        tenant_id=knowledge.tenant_id, user_id=knowledge.user_id, status=Knowledge.Status.ACTIVE
    )
    rows = rows.exclude(pk=knowledge.pk)
    if text:
        return iter(rows.filter(Q(title__icontains=text) | Q(text__icontains=text))[:TWINS_SHOWN])
    if knowledge.error_type:
        return iter(rows.filter(error_type=knowledge.error_type)[:TWINS_SHOWN])
    return iter(rows.filter(knowledge_type=knowledge.knowledge_type)[:TWINS_SHOWN])


TWINS_SHOWN = 20
