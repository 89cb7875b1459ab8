"""What was done, in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from procedures_app import wording

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (timedelta(seconds=3), "just now (2 Mar 2026, 09:59:57 UTC)"),
        (timedelta(hours=3), "3 hours ago (2 Mar 2026, 07:00:00 UTC)"),
        (timedelta(hours=11), "yesterday (1 Mar 2026, 23:00:00 UTC)"),
        (timedelta(hours=33), "yesterday (1 Mar 2026, 01:00:00 UTC)"),
        (timedelta(days=3), "3 days ago (27 Feb 2026, 10:00:00 UTC)"),
    ],
)
def test_a_moment_is_said_both_ways(before: timedelta, said: str):
    assert wording.when(NOW - before, NOW) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, ""),
        ({}, ""),
        ("it\n works", "it works"),
        ({"summary": "v3 is live", "id": 7}, "v3 is live"),
        ({"id": 7}, '{"id": 7}'),
        ([1, 2], "[1, 2]"),
        (False, "false"),
    ],
)
def test_a_result_is_said_on_one_line(value: Any, said: str):
    assert wording.short(value) == said


def test_a_long_one_is_cut():
    assert len(wording.short("x" * 500)) == 200
