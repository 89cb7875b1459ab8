"""Locks as they stand on a busy day: one held, with two that wait for it."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from memoryhub.access.walls import behind_walls
from memoryhub.registry.models import ContextEntry, LockWaiter
from memoryhub.registry.services import locks
from tests.browser.scenes import agent


def play() -> dict[str, str]:
    who = agent("planner")
    with behind_walls(who):
        entry_id = ContextEntry.objects.get(tenant_id="acme", key="roadmap/q1").pk
    locks.acquire(entry_id, principal=who, seconds=3600, reason="moves the dates of the second half")
    for name in ("researcher", "billing-bot"):
        locks.acquire(entry_id, principal=agent(name), wait=True)
    with behind_walls(who):  # they would lapse before the pictures are taken
        LockWaiter.objects.filter(entry_id=entry_id).update(asked_at=timezone.now() + timedelta(hours=1))
    return {"locked": str(entry_id)}
