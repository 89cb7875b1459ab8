"""The audit trail: append-only, by grants and by trigger."""

from __future__ import annotations

from django.db import models

from memoryhub.access.ids import new_id
from memoryhub.access.models.tenancy import TenantQuerySet


class AuditEvent(models.Model):
    """Who did what to what. Holds version numbers and salted digests of values, never values."""

    class Outcome(models.TextChoices):
        DONE = "done", "Done"
        REFUSED = "refused", "Refused"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.TextField(null=True)
    at = models.DateTimeField(auto_now_add=True)
    action = models.TextField()
    outcome = models.TextField(choices=Outcome.choices, default=Outcome.DONE)
    actor = models.TextField()
    actor_kind = models.TextField()
    agent_id = models.TextField(null=True)
    user_id = models.TextField(null=True)
    key_id = models.UUIDField(null=True)
    request_id = models.TextField(default="")
    object_type = models.TextField(default="")
    object_id = models.TextField(default="")
    old = models.JSONField(null=True)
    new = models.JSONField(null=True)
    reason = models.TextField(default="")

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "memory_audit_trail"
        verbose_name_plural = "audit trail"
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["tenant_id", "-at"], name="audit_by_time"),
            models.Index(fields=["object_id"], name="audit_by_object"),
        ]

    def __str__(self) -> str:
        return f"{self.action} by {self.actor}"
