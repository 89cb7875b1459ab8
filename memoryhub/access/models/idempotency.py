"""Answers of writing requests that were made safe to repeat."""

from __future__ import annotations

from django.db import models

from memoryhub.access.ids import new_id
from memoryhub.access.models.tenancy import TenantQuerySet


class IdempotencyKey(models.Model):
    """Commits with the effect. ``answer`` is NULL where the answer must not be kept (new keys, encrypted entries)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.TextField(null=True)
    caller = models.TextField(help_text="The API key's id: keys of different callers never meet.")
    key = models.TextField()
    digest = models.BinaryField()
    status = models.SmallIntegerField(null=True)
    answer = models.JSONField(null=True)
    entry_ids = models.JSONField(default=list, help_text="Entries named in the answer, so that erasing them finds it.")
    headers = models.JSONField(default=dict, help_text="Headers of the answer that a repetition needs, such as ETag.")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "memory_idempotency_keys"
        constraints = [models.UniqueConstraint(fields=["caller", "key"], name="idempotency_once")]
        indexes = [models.Index(fields=["created_at"], name="idempotency_age")]

    def __str__(self) -> str:
        return self.key
