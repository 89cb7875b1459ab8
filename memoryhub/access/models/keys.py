"""API keys: only a digest is kept, so a key is shown once."""

from __future__ import annotations

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models

from memoryhub.access.ids import new_id
from memoryhub.access.models.tenancy import TenantQuerySet

SCOPES = ("read", "write", "admin")


class ApiKey(models.Model):
    """A credential. Without ``tenant_id`` it is a platform key; without ``agent_id`` it names the agent per request."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.TextField(null=True, blank=True)
    agent_id = models.TextField(null=True, blank=True)
    user_id = models.TextField(null=True, blank=True)
    name = models.TextField(blank=True, default="")
    public_id = models.TextField(unique=True, editable=False)
    digest = models.BinaryField(editable=False)
    scopes = ArrayField(models.TextField(choices=[(s, s) for s in SCOPES]))
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.TextField(blank=True, default="", editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)
    replaces = models.ForeignKey(
        "self", null=True, editable=False, on_delete=models.SET_NULL, related_name="successors"
    )

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "memory_api_keys"
        verbose_name = "API key"
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["tenant_id", "agent_id"], name="api_keys_owner")]

    def __str__(self) -> str:
        return f"{self.name or 'key'} ({self.public_id})"

    def usable_at(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)
