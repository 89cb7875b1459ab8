"""What staff is told about things that wait for a person, and who has read it."""

from __future__ import annotations

from typing import Self
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from agents_app.models.conflicts import Conflict, Severity
from memoryhub.access.ids import new_id
from memoryhub.access.visibility import TenantQuerySet


class NoticeQuerySet(TenantQuerySet):
    def meant_for(self, user_id: int | None) -> Self:
        """For everybody, or for this staff user."""
        return self.filter(models.Q(recipient=None) | models.Q(recipient=user_id))

    def unread_by(self, user_id: int | None) -> Self:
        return self.exclude(reads__user=user_id)


class Notice(models.Model):
    """One thing that staff should know about a conflict, or something of a higher house; never more than one a reason.

    ``subject`` says what it is about (``agents_app.noticed``). Of anything but a conflict ``subject_id`` names which
    one, and ``title`` says it in words.
    """

    class Reason(models.TextChoices):
        OPENED = "opened", "Opened"
        ESCALATED = "escalated", "Escalated"
        ASSIGNED = "assigned", "Assigned to you"
        ASKED = "asked", "Waits for a decision"
        OVERDUE = "overdue", "Waits for too long"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.TextField(null=True)
    subject = models.TextField(default="conflict", db_default="conflict")
    subject_id = models.UUIDField(null=True)
    title = models.TextField(default="", db_default="")
    conflict = models.ForeignKey(Conflict, null=True, on_delete=models.CASCADE, related_name="notices")
    reason = models.TextField(choices=Reason.choices)
    severity = models.TextField(choices=Severity.choices, help_text="When the notice was made.")
    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="Who is meant; empty: everybody who decides such things.",
    )
    created_at = models.DateTimeField(db_default=Now())

    objects = NoticeQuerySet.as_manager()

    class Meta:
        db_table = "memory_conflict_notices"
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["conflict", "reason", "recipient"],
                condition=models.Q(conflict__isnull=False),
                name="one_notice_per_reason",
                nulls_distinct=False,
            ),
            models.UniqueConstraint(
                fields=["subject", "subject_id", "reason", "recipient"],
                condition=models.Q(conflict=None),
                name="one_notice_per_reason_of_others",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=models.Q(subject="conflict", subject_id=None, conflict__isnull=False)
                | (~models.Q(subject="conflict") & models.Q(subject_id__isnull=False, conflict=None)),
                name="notice_is_about_one_thing",
            ),
        ]
        indexes = [models.Index(fields=["tenant_id", "-created_at"], name="notices_newest")]

    def __str__(self) -> str:
        return str(self.get_reason_display())

    @property
    def thing_id(self) -> UUID:
        found = self.conflict_id or self.subject_id
        assert found is not None  # a constraint sees to it
        return found

    @property
    def about(self) -> str:
        return self.conflict.key if self.conflict else self.title


class NoticeRead(models.Model):
    """This staff user has read that notice."""

    id = models.BigAutoField(primary_key=True)
    tenant_id = models.TextField(null=True)
    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="reads")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    read_at = models.DateTimeField(db_default=Now())

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "memory_conflict_notice_reads"
        verbose_name = "notice read"
        constraints = [models.UniqueConstraint(fields=["notice", "user"], name="notice_read_once")]

    def __str__(self) -> str:
        return f"{self.user} read {self.notice_id}"
