"""What the job queue calls beside the scheduled jobs."""

from __future__ import annotations

from memoryhub.sync.services import job_runs

RUNS_JOB = "runs_upkeep"


def run_due_steps() -> str:
    """Runs the job of runs at once, due or not; what it did, in words."""
    run = job_runs.run(RUNS_JOB, now=True)
    return str(run.did) if run else "running already"
