"""How well solutions work: rates that begin with a prior, and an order in which one success is no certainty."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt

from django.conf import settings

from procedures_app.models import Solution

#: One-sided 95 %: with that confidence the true rate lies above the bound.
Z = 1.6449
#: A person's word for a solution counts in the order, not in the rate, like this many successes.
VERIFIED_COUNTS = 3


def rate(successes: int, failures: int) -> float:
    """The mean of the Beta distribution after these tries, from the prior of the settings: 0 to 1."""
    prior = settings.CONFIG.procedures
    good = successes + prior.prior_successes
    return float(good / (good + failures + prior.prior_failures))


def lower_bound(successes: int, failures: int, *, verified: bool = False) -> float:
    """What the true rate is above with 95 % confidence, prior included: Wilson 1927, "Probable inference, the law of
    succession, and statistical inference". 40 of 42 stands above 1 of 1, that above untried, that above 0 of 1."""
    prior = settings.CONFIG.procedures
    good = successes + prior.prior_successes + (VERIFIED_COUNTS if verified else 0)
    count = good + failures + prior.prior_failures
    share = good / count
    spread = Z * sqrt(share * (1 - share) / count + Z * Z / (4 * count * count))
    return float(max(0.0, (share + Z * Z / (2 * count) - spread) / (1 + Z * Z / count)))


def standing(solution: Solution) -> float:
    return lower_bound(solution.successes, solution.failures, verified=bool(solution.verified_by))


def best_first(solutions: Iterable[Solution]) -> list[Solution]:
    """The active ones, the surest first; of equals the one that was there first."""
    active = [each for each in solutions if each.status == Solution.Status.ACTIVE]
    return sorted(active, key=lambda each: (-standing(each), each.created_at, each.pk))
