"""Time that stands still where a test counts within a minute."""

from __future__ import annotations

import pytest

from memoryhub.access.services import rates

NOON = "timestamptz '2026-01-01 12:00:01+00'"


@pytest.fixture
def minute_that_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rate limits count in a minute that does not end while a test counts, as the clock's would now and then."""
    for name in ("LEASE", "SWEEP"):
        monkeypatch.setattr(rates, name, getattr(rates, name).replace("clock_timestamp()", NOON))
