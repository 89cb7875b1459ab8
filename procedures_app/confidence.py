"""How sure guidance is: from likeness and from what came of following it before.

``confidence = ceiling · likeness · (floor + (1 - floor) · success)``. ``success`` is the lower bound of Wilson's score
interval (E. B. Wilson, 1927) at 90 % one-sided, so that many tries weigh more than few. Every factor lies in 0..1 and
none falls when its cause rises: the confidence is bounded, and grows with likeness and with every success.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

#: Of the standard normal distribution: one tenth of it lies beyond.
NINETY_PERCENT = 1.2816
#: Only a rule makes guidance certain.
HIGHEST = 0.99


@dataclass(frozen=True, slots=True)
class Source:
    """How far guidance of one origin goes. ``floor`` is what likeness alone is worth, without any good outcome.

    ``successes`` and ``failures`` are what it starts with before anything was tried.
    """

    ceiling: float
    floor: float
    successes: float
    failures: float


#: People wrote, checked and published it.
PROCEDURE = Source(ceiling=HIGHEST, floor=0.5, successes=9, failures=1)
#: An agent said that it helped; its tries tell.
SOLUTION = Source(ceiling=HIGHEST, floor=0.4, successes=1, failures=1)
#: What was done for something like it; never sure enough to follow without thinking.
APPROACH = Source(ceiling=0.75, floor=0.3, successes=1, failures=1)


def lower_bound(successes: float, failures: float) -> float:
    """What the rate of success is at least, with 90 % certainty; 0 without any try."""
    tries = successes + failures
    if tries <= 0:
        return 0.0
    z, rate = NINETY_PERCENT, successes / tries
    spread = z * sqrt(rate * (1 - rate) / tries + z * z / (4 * tries * tries))
    return max(0.0, min(1.0, (rate + z * z / (2 * tries) - spread) / (1 + z * z / tries)))


def confidence(source: Source, *, likeness: float, successes: int, failures: int) -> float:
    """0..0.99: how sure it is that following this does the task."""
    success = lower_bound(source.successes + successes, source.failures + failures)
    alike = max(0.0, min(1.0, likeness))
    return source.ceiling * alike * (source.floor + (1 - source.floor) * success)
