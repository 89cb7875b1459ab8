"""What this house may refuse."""

from __future__ import annotations

from memoryhub.access.exceptions import Conflict, VersionStale


class ConflictMoved(Conflict):
    """The entry or the conflict changed since you looked. Your picks were not applied: look again and decide anew."""

    code = "conflict_moved"


class AlreadyRegistered(Conflict):
    """This agent is registered, and its profile says something else. Read the profile and change it instead."""

    code = "already_registered"


class ProfileStale(VersionStale):
    """The profile was changed since the version that you named. Read it again and repeat."""
