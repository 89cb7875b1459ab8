"""A sync run as its caller gets it, under the published names."""

from __future__ import annotations

from typing import Any

from agents_app.models import SyncRun

#: Counts that every result names, also where no step counted any.
NAMED = ("memories_synced", "memories_shared", "conflicts_detected", "conflicts_resolved")


def document(run: SyncRun) -> dict[str, Any]:
    """``errors``: ``{"step", "error"}`` each. ``duration_ms`` None while the run is not over."""
    return {
        "run_id": run.pk,
        "agent_id": run.agent_id,
        "user_id": run.user_id,
        "status": run.status,
        "trigger": run.trigger,
        "forced": run.forced,
        **{name: run.counts.get(name, 0) for name in NAMED},
        "counts": run.counts,
        "errors": run.errors,
        "duration_ms": run.duration_ms,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
    }


def succeeded(run: SyncRun) -> bool:
    """Also of a run that is not over and failed nowhere yet."""
    return run.status != SyncRun.Status.FAILED


def result(run: SyncRun) -> dict[str, Any]:
    return {"success": succeeded(run), **document(run)}
