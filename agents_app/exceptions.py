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


class RuleStale(VersionStale):
    """The sharing rule was changed since the version that you named. Read it again and repeat."""


class RuleExists(Conflict):
    """There is already a rule of this kind for this category and agent. Change that rule instead."""

    code = "rule_exists"


class MatrixStale(Conflict):
    """Others changed sharing rules since you looked. Nothing was saved: look at their cells and decide anew."""

    code = "matrix_stale"


class TooManyOffers(Conflict):
    """This conflict has as many offers as it can hold. A person has to decide it first; submit again after that."""

    code = "too_many_offers"


class ResultMoved(Conflict):
    """The entry was changed since the decision. Send as_new to restore what it was before as a new version."""

    code = "result_moved"


class RemovalMoved(Conflict):
    """One of the two memories was changed since. Restore the version that you want from its history instead."""

    code = "removal_moved"


class DifferentReach(Conflict):
    """These two memories are not for the same readers, so that removing one would take something from somebody."""

    code = "different_reach"


class FurtherReaders(Conflict):
    """Merging these two memories would let further agents read one. That is for a person to decide."""

    code = "further_readers"
