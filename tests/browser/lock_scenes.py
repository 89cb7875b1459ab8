"""Locks as they stand on a busy day: one held, with two that wait for it."""

from __future__ import annotations

from memoryhub.access.walls import behind_walls
from memoryhub.registry.models import ContextEntry
from memoryhub.registry.services import locks
from tests.browser.scenes import agent


def play() -> dict[str, str]:
    who = agent("planner")
    with behind_walls(who):
        entry_id = ContextEntry.objects.get(tenant_id="acme", key="roadmap/q1").pk
    locks.acquire(entry_id, principal=who, seconds=3600, reason="moves the dates of the second half")
    for name in ("researcher", "billing-bot"):
        locks.acquire(entry_id, principal=agent(name), wait=True)
    return {"locked": str(entry_id)}
