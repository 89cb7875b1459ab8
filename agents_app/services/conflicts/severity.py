"""How urgent a conflict is, and until when somebody should have decided it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from agents_app.models import Severity
from memoryhub.registry.models import ContextEntry, Layer

LADDER = (Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL)
OF_PRIORITY = {"low": 0, "medium": 1, "high": 2, "critical": 3}
#: A category with one of these words in it is about security.
SECURITY_WORDS = ("security", "credential", "incident", "alert", "audit")
MANY_CLASHES = 5
#: Time until a conflict is due.
DUE_AFTER = {
    Severity.CRITICAL: timedelta(hours=1),
    Severity.HIGH: timedelta(hours=4),
    Severity.MEDIUM: timedelta(hours=24),
    Severity.LOW: timedelta(hours=72),
}


def severity_of(entry: ContextEntry, *, clashes: int, deletes: bool) -> Severity:
    """The entry's priority, one step up each for: permanent, about security, many clashes, a deletion offered."""
    steps = OF_PRIORITY.get(entry.priority, 1)
    steps += entry.layer == Layer.PERMANENT
    steps += any(word in entry.category.lower() for word in SECURITY_WORDS)
    steps += clashes >= MANY_CLASHES
    steps += deletes
    return LADDER[min(steps, len(LADDER) - 1)]


def due_at(severity: Severity, *, start: datetime | None = None) -> datetime:
    return (start or timezone.now()) + DUE_AFTER[severity]


def one_up(severity: str) -> Severity:
    return LADDER[min(LADDER.index(Severity(severity)) + 1, len(LADDER) - 1)]
