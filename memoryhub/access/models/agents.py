"""Agents: their identity. Profiles with priority and strategy belong to agents_app."""

from __future__ import annotations

from django.db import models

from memoryhub.access.ids import new_id
from memoryhub.access.models.tenancy import TenantQuerySet


class Agent(models.Model):
    """An AI agent of one tenant, known by ``agent_id``."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.TextField()
    agent_id = models.TextField()
    name = models.TextField(blank=True, default="")
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "memory_agents"
        ordering = ["tenant_id", "agent_id"]
        constraints = [models.UniqueConstraint(fields=["tenant_id", "agent_id"], name="agent_once_per_tenant")]

    def __str__(self) -> str:
        return self.name or self.agent_id
