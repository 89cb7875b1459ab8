"""The queue's schedules follow the register of jobs: what is declared exists, what is not declared goes.

A single malformed row stops every schedule of django-q2, so foreign rows do not stay either.
"""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django_q.models import Schedule

from memoryhub.sync import jobs
from memoryhub.sync.services import heartbeats

RUN = "memoryhub.sync.tasks.run_job"


@transaction.atomic
def declare() -> list[str]:
    """Makes the schedules equal to the register; the names of those that were made, changed or removed."""
    wanted = {job.name: job for job in jobs.every()}
    found = {row.name: row for row in Schedule.objects.select_for_update().order_by("pk")}
    keep = [row.pk for name, row in found.items() if name in wanted]
    strangers = Schedule.objects.exclude(pk__in=keep)
    changed = [str(name) for name in strangers.values_list("name", flat=True)]
    strangers.delete()
    return changed + [name for name, job in wanted.items() if put(job, found.get(name))]


def put(job: jobs.Job, row: Schedule | None) -> bool:
    """Whether anything had to change. The next run of an unchanged schedule stays when it is."""
    wanted = {
        "func": RUN,
        "args": repr((job.name,)),
        "kwargs": None,
        "hook": None,
        "schedule_type": Schedule.MINUTES,
        "minutes": job.every_minutes,
        "repeats": -1,
        "cluster": None,
        "intended_date_kwarg": None,
    }
    if row and row.next_run and all(getattr(row, name) == value for name, value in wanted.items()):
        return False
    Schedule.objects.update_or_create(
        pk=row.pk if row else None, defaults=wanted | {"name": job.name, "next_run": timezone.now()}
    )
    return True


def heal() -> list[str]:
    """Declares the schedules again when the jobs have gone silent: one of the rows may be what silenced them."""
    age = heartbeats.age(heartbeats.JOBS)
    if age is not None and age <= settings.CONFIG.jobs.heartbeat_stale_seconds:
        return []
    return declare()
