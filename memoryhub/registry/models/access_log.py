"""Who read what: a log in daily partitions, written in batches off the request's path."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class AccessRecord(models.Model):
    """One read. The table is partitioned by day on ``timestamp`` (see the migration)."""

    id = models.BigAutoField(primary_key=True)
    tenant_id = models.TextField(null=True)
    entry_id = models.UUIDField(null=True)
    context_key = models.TextField()
    timestamp = models.DateTimeField(db_default=Now())
    latency_ms = models.FloatField()
    hit_cache = models.BooleanField(default=False)
    operation = models.TextField(default="retrieve", help_text="retrieve, get, search")
    actor = models.TextField(default="")
    user_id = models.TextField(null=True, help_text="On whose behalf.")

    class Meta:
        db_table = "memory_context_access_log"
        managed = False
        verbose_name = "access"
        verbose_name_plural = "access log"

    def __str__(self) -> str:
        return f"{self.operation} {self.context_key}"


class AccessTotal(models.Model):
    """Accesses per tenant and day, added up from each batch of the log."""

    id = models.BigAutoField(primary_key=True)
    tenant_id = models.TextField(null=True)
    day = models.DateField()
    accesses = models.BigIntegerField()

    class Meta:
        db_table = "memory_access_totals"
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "day"], name="access_total_once", nulls_distinct=False)
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.day}: {self.accesses}"
