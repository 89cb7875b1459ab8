"""``manage.py run_job NAME``: one run of a job now, in this process."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from memoryhub.access.exceptions import NotFound
from memoryhub.sync import jobs
from memoryhub.sync.models import JobRun
from memoryhub.sync.services import job_runs


class Command(BaseCommand):
    help = "Runs one scheduled job now, whether it is due or not."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help=f"One of: {', '.join(job.name for job in jobs.every())}.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            run = job_runs.run(options["name"], now=True)
        except NotFound as error:
            raise CommandError(error.message) from None
        if run is None:
            raise CommandError(f"The job '{options['name']}' is running right now, in another process.")
        if run.outcome != JobRun.Outcome.DONE:
            raise CommandError(f"The job '{run.job}' failed: {run.error}")
        self.stdout.write(f"{run.job}: {run.did or 'nothing to do'}")
