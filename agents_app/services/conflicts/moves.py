"""Whether a conflict still stands as somebody saw it."""

from __future__ import annotations

from agents_app.exceptions import ConflictMoved
from agents_app.models import Conflict
from memoryhub.registry.models import ContextEntry


def check_unmoved(
    conflict: Conflict, entry: ContextEntry, conflict_version: int | None, entry_version: int | None
) -> None:
    """Raises ConflictMoved where somebody was faster, saying who did what."""
    if conflict.status != Conflict.Status.OPEN:
        raise moved(conflict, entry, f"{conflict.decided_by or 'Somebody'} has {done(conflict)} this conflict already.")
    if conflict_version is not None and conflict.version != conflict_version:
        last = conflict.candidates.order_by("-position").first()
        raise moved(conflict, entry, f"{last.agent_id} offers another value now." if last else "The conflict changed.")
    if entry_version is not None and entry.sync_version != entry_version:
        raise moved(conflict, entry, f"{entry.author} wrote version {entry.sync_version} of the entry meanwhile.")


def done(conflict: Conflict) -> str:
    return {"resolved": "resolved", "dismissed": "dismissed", "undone": "undone"}.get(conflict.status, "changed")


def moved(conflict: Conflict, entry: ContextEntry, happened: str) -> ConflictMoved:
    """The refusal with who did what and the new state."""
    message = f"{happened} Your picks were not applied: look again and decide anew."
    return ConflictMoved(
        message,
        conflict_id=str(conflict.pk),
        conflict_status=conflict.status,
        conflict_version=conflict.version,
        entry_version=entry.sync_version,
        resolution=conflict.resolution,
        decided_by=conflict.decided_by,
        decision_reason=conflict.decision_reason,
        version_after=conflict.version_after,
    )
