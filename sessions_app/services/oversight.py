"""Reading over all users: allowed to admin keys, and never unseen."""

from __future__ import annotations

from memoryhub.access.principals import Principal
from memoryhub.access.services import audit
from memoryhub.access.walls import behind_walls


def note_reading(what: str, *, principal: Principal) -> None:
    """A line in the audit trail where an admin key names no user, and so reads what belongs to all of them."""
    if principal.kind != "key" or not principal.is_admin or principal.named_user or principal.named_session:
        return
    with behind_walls(principal):
        audit.record(f"sessions.{what}.read_for_all_users", principal=principal, object_type=what)
