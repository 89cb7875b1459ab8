"""Rate limits that hold across processes without a write per request."""

from __future__ import annotations

from django.db import models


class RateBucket(models.Model):
    """Tokens that processes lease in blocks; the table is UNLOGGED (see the migration)."""

    name = models.TextField(primary_key=True)
    window = models.BigIntegerField(help_text="Minute since the epoch.")
    used = models.IntegerField()

    class Meta:
        db_table = "memory_rate_buckets"

    def __str__(self) -> str:
        return self.name
