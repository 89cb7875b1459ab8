"""What the job queue calls."""

from __future__ import annotations

from memoryhub.sync.services import heartbeats, job_runs


def run_job(name: str) -> str:
    """Runs the job if it is due; what it did, in words. A failed run is in its record, not in the queue's."""
    # every job that is taken shows that the cluster works, not only the heartbeat's own
    heartbeats.beat(heartbeats.JOBS, {"job": name})
    run = job_runs.run(name)
    return str(run.did) if run else "not due"
