"""What the job queue calls."""

from __future__ import annotations

from memoryhub.sync.services import job_runs


def run_job(name: str) -> str:
    """Runs the job if it is due; what it did, in words. A failed run is in its record, not in the queue's."""
    run = job_runs.run(name)
    return str(run.did) if run else "not due"
