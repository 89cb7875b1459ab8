from __future__ import annotations

from datetime import UTC, datetime

import pytest

from memoryhub.search.recipe.dates import Named, dates_in, nearness


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("on 7 May 2023", [Named(2023, 5, 7)]),
        ("on May 7th, 2023", [Named(2023, 5, 7)]),
        ("the 3rd of October", [Named(None, 10, 3)]),
        ("in July", [Named(None, 7, None)]),
        ("in Sept. 2024", [Named(2024, 9, None)]),
        ("in May", [Named(None, 5, None)]),
        ("what may happen", []),
        ("march on", []),
        ("between 2024-02-28 and 2024-03", [Named(2024, 2, 28), Named(2024, 3, None)]),
        ("version 2024-13", []),
        ("on 41 May", []),
        ("nothing of the kind", []),
        ("Augustus and Maya", []),
    ],
)
def test_dates_are_read(query: str, named: list[Named]) -> None:
    assert list(dates_in(query)) == named


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("query", "moment", "expected"),
    [
        ("7 May 2023", "2023-05-07T23:00", 1.0),
        ("7 May 2023", "2023-05-09T01:00", 0.75),
        ("7 May 2023", "2023-05-06T23:00", 0.0),
        ("7 May 2023", "2023-05-15T00:00", 0.0),
        ("7 May", "2021-05-07T10:00", 1.0),
        ("31 December", "2024-01-02T10:00", 0.75),
        ("May 2023", "2023-05-31T10:00", 1.0),
        ("May 2023", "2022-05-31T10:00", 0.0),
        ("29 February 2023", "2023-03-01T10:00", 0.0),
        ("5 May or 7 May 2023", "2023-05-07T10:00", 1.0),
    ],
)
def test_one_speaks_of_a_day_on_it_or_in_the_week_after(query: str, moment: str, expected: float) -> None:
    assert nearness(dates_in(query), at(moment)) == pytest.approx(expected)
