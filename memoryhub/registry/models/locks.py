"""Locks of entries, and who waits for them."""

from __future__ import annotations

from datetime import timedelta
from typing import Self

from django.db import models
from django.db.models.functions import Now

from memoryhub.access.visibility import TenantQuerySet
from memoryhub.registry.models.entries import ClockTimestamp, ContextEntry


class LockQuerySet(TenantQuerySet):
    def held(self) -> Self:
        return self.filter(holder__isnull=False, expires_at__gt=ClockTimestamp())


class WaiterQuerySet(TenantQuerySet):
    def waiting(self, lapse_seconds: float) -> Self:
        """In their order; those that did not ask again for that long have lost their place."""
        return self.filter(asked_at__gt=ClockTimestamp() - timedelta(seconds=lapse_seconds)).order_by("id")


class EntryLock(models.Model):
    """Who may write an entry for a while. The row outlives its lock, so that ``fence`` only grows.

    Held while ``holder`` is set and ``expires_at`` lies ahead of ``clock_timestamp()``.
    """

    entry = models.OneToOneField(ContextEntry, primary_key=True, on_delete=models.CASCADE, related_name="lock")
    tenant_id = models.TextField(null=True)
    holder = models.TextField(null=True, help_text="The agent (or key name) that may write.")
    fence = models.BigIntegerField(default=0, db_default=0, help_text="Raised each time somebody gets the lock.")
    acquired_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    reason = models.TextField(default="", db_default="")

    objects = LockQuerySet.as_manager()

    class Meta:
        db_table = "memory_locks"
        verbose_name = "lock"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(holder=None, expires_at=None)
                | models.Q(holder__isnull=False, expires_at__isnull=False),
                name="lock_held_until",
            ),
        ]
        indexes = [
            models.Index(
                fields=["tenant_id", "expires_at"], condition=models.Q(holder__isnull=False), name="locks_held"
            )
        ]

    def __str__(self) -> str:
        return f"held by {self.holder or 'nobody'}"


class LockWaiter(models.Model):
    """A place in the queue for a lock; kept by asking again before ``agents.waiter_lapse_seconds`` are over."""

    id = models.BigAutoField(primary_key=True)
    tenant_id = models.TextField(null=True)
    entry = models.ForeignKey(ContextEntry, on_delete=models.CASCADE, related_name="lock_waiters")
    waiter = models.TextField()
    seconds = models.IntegerField(help_text="For how long it wants the lock.")
    queued_at = models.DateTimeField(db_default=Now())
    asked_at = models.DateTimeField(db_default=Now())

    objects = WaiterQuerySet.as_manager()

    class Meta:
        db_table = "memory_lock_waiters"
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["entry", "waiter"], name="one_place_in_the_queue")]

    def __str__(self) -> str:
        return f"{self.waiter} waits"


def unlocked() -> models.Q:
    """Entries whose lock nobody holds."""
    return ~models.Q(lock__holder__isnull=False, lock__expires_at__gt=ClockTimestamp())
