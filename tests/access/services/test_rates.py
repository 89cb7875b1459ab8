"""Rate limits with several threads in one process."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from memoryhub.access.services.rates import Lease


def test_threads_never_take_more_than_was_leased():
    lease = Lease(left=1000, ends=float("inf"), last=True)

    def takes(_: int) -> int:
        return sum(lease.take() for _ in range(500))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(takes, range(8))) == 1000
    assert lease.left == 0
