"""Reads that span models: the jobs with their last run and their next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django_q.models import Schedule

from memoryhub.sync import jobs
from memoryhub.sync.models import JobRun


@dataclass(frozen=True)
class JobState:
    """A declared job, its latest run (None: never ran) and when it is due again (None: not scheduled)."""

    job: jobs.Job
    last: JobRun | None
    next_run: datetime | None


LATEST = """
SELECT r.* FROM unnest(%s::text[]) AS j (name),
LATERAL (SELECT * FROM memory_job_runs WHERE job = j.name ORDER BY id DESC LIMIT 1) r
"""


def job_states() -> list[JobState]:
    """Every declared job, by name; two queries."""
    declared = jobs.every()
    latest = {run.job: run for run in JobRun.objects.raw(LATEST, [[job.name for job in declared]])}
    due = dict(Schedule.objects.values_list("name", "next_run"))
    return [JobState(job, latest.get(job.name), due.get(job.name)) for job in declared]
