"""Grants: one agent-scoped entry opened to one further agent."""

from __future__ import annotations

from django.db import models

from memoryhub.access.ids import new_id
from memoryhub.access.models.tenancy import TenantQuerySet


class Grant(models.Model):
    """``entry_id`` refers to the registry by id alone: the registry stands above this house."""

    class Reason(models.TextChoices):
        RULE = "rule", "Sharing rule"
        EXPLICIT = "explicit", "Explicit"
        PROPAGATION = "propagation", "Propagation"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.TextField()
    entry_id = models.UUIDField()
    agent_id = models.TextField()
    can_write = models.BooleanField(default=False)
    reason = models.TextField(choices=Reason.choices, default=Reason.EXPLICIT)
    note = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.TextField()

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "memory_grants"
        ordering = ["-created_at"]
        constraints = [models.UniqueConstraint(fields=["entry_id", "agent_id"], name="grant_once_per_agent")]
        indexes = [models.Index(fields=["tenant_id", "agent_id", "entry_id"], name="grants_of_agent")]

    def __str__(self) -> str:
        return f"{self.entry_id} → {self.agent_id}"
