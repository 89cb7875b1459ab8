"""What the job queue calls beside the scheduled jobs."""

from __future__ import annotations

from memoryhub.sync.services import job_runs

SYNC_JOB = "sync_agents"


def run_waiting_syncs() -> str:
    """Runs the sync job at once, due or not; what it did, in words."""
    run = job_runs.run(SYNC_JOB, now=True)
    return str(run.did) if run else "running already"
