"""How far the search for disagreements has come, and which duplicates were removed."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from memoryhub.access.ids import new_id
from memoryhub.access.visibility import TenantQuerySet
from memoryhub.registry.models import ContextEntry


class DetectionMark(models.Model):
    """Entries of a tenant that changed up to ``at`` (and in that moment up to ``entry_id``) were compared.

    ``name`` is empty for the job's own mark, else that of a sync run which compares everything of its agent again.
    """

    id = models.BigAutoField(primary_key=True)
    tenant_id = models.TextField()
    name = models.TextField(default="", db_default="")
    at = models.DateTimeField()
    entry_id = models.UUIDField()
    compared = models.BigIntegerField(
        default=0, db_default=0, help_text="Entries compared with their neighbors so far."
    )
    found = models.BigIntegerField(default=0, db_default=0, help_text="Duplicates and contradictions found so far.")
    moved_at = models.DateTimeField(db_default=Now())

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "memory_detection_marks"
        verbose_name = "search for disagreements"
        verbose_name_plural = "search for disagreements"
        ordering = ["tenant_id", "name"]
        constraints = [models.UniqueConstraint(fields=["tenant_id", "name"], name="detection_mark_once")]

    def __str__(self) -> str:
        return f"{self.tenant_id}{f' ({self.name})' if self.name else ''}"


class DuplicateRemoval(models.Model):
    """One duplicate that was folded into another entry, with all that undoing it needs. Holds no values.

    ``moved`` says what went over to the entry that was kept: ``grants`` (agents that got one, or more rights, with what
    they had before), ``relationships`` (id, side), ``dropped_relationships`` (those that it had already),
    ``children`` and ``groups`` (ids).
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.TextField(null=True)
    kept = models.ForeignKey(ContextEntry, on_delete=models.CASCADE, related_name="duplicates_removed")
    dropped = models.ForeignKey(ContextEntry, on_delete=models.CASCADE, related_name="removed_as_duplicate")
    kept_before = models.IntegerField(help_text="Version of the kept entry before.")
    kept_after = models.IntegerField(help_text="Version of the kept entry with what was taken over.")
    dropped_before = models.IntegerField(help_text="Version of the dropped entry before.")
    dropped_after = models.IntegerField(help_text="Version of its tombstone.")
    moved = models.JSONField(default=dict, db_default={})
    reason = models.TextField(default="", db_default="")
    removed_by = models.TextField()
    removed_at = models.DateTimeField(db_default=Now())
    undone_by = models.TextField(default="", db_default="")
    undone_at = models.DateTimeField(null=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "memory_duplicate_removals"
        ordering = ["-removed_at"]
        indexes = [models.Index(fields=["tenant_id", "-removed_at"], name="duplicate_removals_newest")]

    def __str__(self) -> str:
        return f"{self.dropped_id} → {self.kept_id}"
