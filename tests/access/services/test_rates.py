"""Rate limits with several threads in one process."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from memoryhub.access.services import rates

BLOCK = 60


@pytest.fixture
def blocks(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Leases without the database: the names that a block was leased for."""
    leased: list[str] = []

    def renew(name: str, per_minute: int, now: float) -> rates.Lease:
        leased.append(name)
        left = min(BLOCK, per_minute - BLOCK * (leased.count(name) - 1))
        lease = rates.Lease(left=max(left, 0), ends=float("inf"), last=left <= 0)
        rates._leases[name] = lease
        return lease

    monkeypatch.setattr(rates, "renew", renew)
    rates.forget_leases()
    yield leased
    rates.forget_leases()


def take(count: int, per_minute: int) -> int:
    """How many of ``count`` requests of eight threads are admitted."""
    with ThreadPoolExecutor(8) as pool:
        return sum(wait == 0 for wait in pool.map(lambda _: rates.take("key", per_minute), range(count)))


def test_threads_lose_no_token_when_they_lease_together(blocks):
    assert take(50 * BLOCK, 1_000_000) == 50 * BLOCK
    assert len(blocks) == 50


def test_threads_together_are_admitted_up_to_the_limit(blocks):
    assert take(1000, 10 * BLOCK) == 10 * BLOCK
