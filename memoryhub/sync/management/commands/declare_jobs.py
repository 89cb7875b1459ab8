"""``manage.py declare_jobs``: the schedules, equal to what the houses have registered. Safe to repeat."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from memoryhub.sync import jobs
from memoryhub.sync.services import heartbeats, schedules


class Command(BaseCommand):
    help = "Schedules the jobs that the hub declares and removes the others. Safe to repeat; every start does it."

    def handle(self, *args: Any, **options: Any) -> None:
        changed = schedules.declare()
        # the first job runs half a minute after the start; until then nobody is to be alarmed
        heartbeats.beat(heartbeats.JOBS, {"starting": True})
        what = f"changed: {', '.join(sorted(changed))}" if changed else "nothing to change"
        self.stdout.write(f"{len(jobs.every())} jobs declared, {what}.")
