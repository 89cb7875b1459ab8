"""The register of scheduled jobs. Each house adds its own in ``AppConfig.ready``; ``declare_jobs`` schedules them.

The queue only rings: it may ring twice, late, or not at all. What a job has to do is read from its own tables, in
slices, and repeating it does no harm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from django.utils.module_loading import import_string

from memoryhub.access.principals import Principal

Did = int | Mapping[str, int]


class Work(Protocol):
    """One slice of a job: handles at most ``limit`` things and says how many it handled (of each kind).

    It is called again until it handles fewer than ``limit`` or the run's time is up, so one slice must be short.
    """

    def __call__(self, *, principal: Principal, limit: int) -> Did: ...


@dataclass(frozen=True)
class Job:
    """``work`` is the dotted path of a :class:`Work`; ``every_minutes`` the pause between runs; ``limit`` a slice."""

    name: str
    work: str
    every_minutes: int
    description: str
    limit: int = 500

    @property
    def interval(self) -> str:
        hours, minutes = divmod(self.every_minutes, 60)
        if minutes or not hours:
            return f"{self.every_minutes} min"
        return f"{hours} h"

    def load(self) -> Work:
        """The function. Raises ImportError for a wrong path."""
        work: Work = import_string(self.work)
        return work


_jobs: dict[str, Job] = {}


def register(job: Job) -> None:
    """Adds a job. A wrong dotted path fails here, at start, not in the worker."""
    job.load()
    _jobs[job.name] = job


def unregister(name: str) -> None:
    _jobs.pop(name, None)


def get(name: str) -> Job | None:
    return _jobs.get(name)


def every() -> list[Job]:
    return [_jobs[name] for name in sorted(_jobs)]
