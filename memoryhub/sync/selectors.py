"""Reads that span models: the jobs with their last run and their next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django_q.models import Schedule

from memoryhub.sync import jobs
from memoryhub.sync.models import JobRun


@dataclass(frozen=True)
class JobState:
    """A declared job, its latest run (None: never ran) and when it is due again (None: not scheduled)."""

    job: jobs.Job
    last: JobRun | None
    next_run: datetime | None
    now: datetime

    @property
    def title(self) -> str:
        return self.job.name.replace("_", " ").capitalize()

    @property
    def ago(self) -> str:
        return f"{span(self.now - self.last.started_at)} ago" if self.last else ""

    @property
    def due(self) -> str:
        if self.next_run is None:
            return "not scheduled: the next start of the hub does it"
        return "now" if self.next_run <= self.now else f"in {span(self.next_run - self.now)}"


def span(time: timedelta) -> str:
    """A time in its one largest unit: ``40 s``, ``12 min``, ``3 h``, ``2 days``."""
    seconds = int(time.total_seconds())
    for unit, length in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length or (unit == "min" and seconds >= length):
            return f"{seconds // length} {unit}"
    return f"{max(seconds, 0)} s"


LATEST = """
SELECT r.* FROM unnest(%s::text[]) AS j (name),
LATERAL (SELECT * FROM memory_job_runs WHERE job = j.name ORDER BY id DESC LIMIT 1) r
"""


def job_states() -> list[JobState]:
    """Every declared job, by name; two queries."""
    declared, now = jobs.every(), timezone.now()
    latest = {run.job: run for run in JobRun.objects.raw(LATEST, [[job.name for job in declared]])}
    due = dict(Schedule.objects.values_list("name", "next_run"))
    return [JobState(job, latest.get(job.name), due.get(job.name), now) for job in declared]
