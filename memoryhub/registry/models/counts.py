"""Counts of entries without scanning them: deltas appended by a trigger, folded together by a job."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class EntryCount(models.Model):
    """``n`` entries more (or fewer) of this kind. The sum over all rows is the count."""

    id = models.BigAutoField(primary_key=True)
    tenant_id = models.TextField(null=True)
    layer = models.TextField()
    scope = models.TextField()
    priority = models.TextField()
    state = models.TextField(help_text="live, archived or deleted")
    n = models.BigIntegerField()
    at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "memory_entry_counts"
        indexes = [models.Index(fields=["tenant_id", "state", "layer"], name="entry_counts_sum")]

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.layer}: {self.n:+d}"
