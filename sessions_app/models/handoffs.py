"""Hand-offs: the complete package that one agent leaves for the next."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from memoryhub.access.ids import new_id
from sessions_app.models.conversation import Session
from sessions_app.models.reach import OfSessionQuerySet


class Handoff(models.Model):
    """``package`` holds all that the receiver needs; ``checksum`` is the SHA-256 of its canonical JSON."""

    class Status(models.TextChoices):
        PENDING = "pending", "Pending"
        ACCEPTED = "accepted", "Accepted"
        REJECTED = "rejected", "Rejected"
        TIMED_OUT = "timed_out", "Timed out"
        SUPERSEDED = "superseded", "Superseded"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.TextField()
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="handoffs")
    from_agent = models.TextField(null=True)
    to_agent = models.TextField()
    previous_agent = models.TextField(null=True, help_text="The session's previous agent, put back when it turns back.")
    receiver_joined = models.BooleanField(
        default=True, db_default=True, help_text="The receiver was none of the session's agents before."
    )
    handoff_reason = models.TextField()
    critical_info = models.JSONField(default=dict)
    continuation_instructions = models.TextField(default="")
    package = models.JSONField()
    checksum = models.TextField()
    status = models.TextField(choices=Status.choices, default=Status.PENDING)
    created_at = models.DateTimeField(db_default=Now())
    times_out_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    answer_reason = models.TextField(default="")

    objects = OfSessionQuerySet.as_manager()

    class Meta:
        db_table = "memory_session_handoffs"
        verbose_name = "hand-off"
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["session"], condition=models.Q(status="pending"), name="one_pending_handoff_per_session"
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=["pending", "accepted", "rejected", "timed_out", "superseded"]),
                name="handoff_status_known",
            ),
        ]
        indexes = [
            models.Index(fields=["times_out_at"], condition=models.Q(status="pending"), name="handoffs_timing_out")
        ]

    def __str__(self) -> str:
        return f"{self.from_agent} → {self.to_agent}"
