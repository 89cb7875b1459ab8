"""Dates that a query names, matched with when things were said or happened. UTC throughout."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_name) if name}
SHORT = {name[:3]: number for name, number in MONTHS.items()} | {"sept": 9}
NAMES = "|".join([*MONTHS, *SHORT])
#: "may" and "march" are words too: as months they have a day, a year or one of these before them.
LEADING = r"(?:in|of|on|since|until|by|during|before|after|last|this|early|mid|late)\s+"
WRITTEN = re.compile(
    rf"(?P<lead>{LEADING})?\b(?:(?P<before>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?)?(?P<month>{NAMES})\b\.?"
    r"(?:\s+(?P<after>\d{1,2})(?:st|nd|rd|th)?(?!\d))?(?:,?\s+(?P<year>(?:19|20)\d\d)\b)?",
    re.IGNORECASE,
)
ISO = re.compile(r"\b(?P<year>(?:19|20)\d\d)-(?P<month>\d\d)(?:-(?P<day>\d\d))?\b")
WORDS_TOO = {"may", "march", "mar", "sun", "dec", "jan"}
WEEK = 7


@dataclass(frozen=True, slots=True)
class Named:
    """A day, or a month when ``day`` is None; of any year when ``year`` is None."""

    year: int | None
    month: int
    day: int | None

    def __str__(self) -> str:
        """As in ISO 8601, with ``----`` for any year: ``2024-05-07``, ``2024-05``, ``-----05-07``."""
        day = "" if self.day is None else f"-{self.day:02}"
        return f"{self.year or '----'}-{self.month:02}{day}"

    def nearness(self, moment: datetime) -> float:
        """1 on the day or in the month; falling to 0 within the week after a day, when one speaks of it; else 0."""
        if self.day is None:
            return float(moment.month == self.month and self.year in (None, moment.year))
        later = min((gap for gap in self.gaps(moment.date()) if gap >= 0), default=WEEK + 1)
        return 1 - later / (WEEK + 1)

    def gaps(self, said: date) -> Iterator[int]:
        """Days from the named day, also that of the year before, to the day of speaking."""
        for year in (said.year, said.year - 1) if self.year is None else (self.year,):
            if self.day is not None and self.day <= calendar.monthrange(year, self.month)[1]:
                yield (said - date(year, self.month, self.day)).days


def dates_in(query: str) -> tuple[Named, ...]:
    return (*(iso(match) for match in ISO.finditer(query) if 1 <= int(match["month"]) <= 12), *written(query))


def iso(match: re.Match[str]) -> Named:
    return Named(int(match["year"]), int(match["month"]), int(match["day"]) if match["day"] else None)


def written(query: str) -> Iterator[Named]:
    for match in WRITTEN.finditer(query):
        name, day, year = match["month"].lower(), match["before"] or match["after"], match["year"]
        if name in WORDS_TOO and not (day or year or match["lead"]):
            continue
        number = MONTHS.get(name) or SHORT[name]
        if day is None or 1 <= int(day) <= 31:
            yield Named(int(year) if year else None, number, int(day) if day else None)


def nearness(named: Sequence[Named], moment: datetime) -> float:
    return max((day.nearness(moment) for day in named), default=0.0)
