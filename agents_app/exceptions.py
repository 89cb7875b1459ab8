"""What this house may refuse."""

from __future__ import annotations

from memoryhub.access.exceptions import Conflict


class ConflictMoved(Conflict):
    """The entry or the conflict changed since you looked. Your picks were not applied: look again and decide anew."""

    code = "conflict_moved"
