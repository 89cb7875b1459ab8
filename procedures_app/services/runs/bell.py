"""Calls the queue for what the hub carries out itself; the job comes by every minute in any case."""

from __future__ import annotations

from django_q.models import OrmQ
from django_q.tasks import async_task

RING = "procedures_app.tasks.run_due_steps"
#: So many tasks in the queue ring loud enough.
ENOUGH_BELLS = 10


def ring() -> None:
    """Commits, or not, with the change that there is something to do."""
    if OrmQ.objects.count() < ENOUGH_BELLS:
        async_task(RING)
