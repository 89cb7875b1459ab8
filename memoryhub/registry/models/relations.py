"""How entries relate: typed relationships and named groups."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from memoryhub.access.ids import new_id
from memoryhub.access.visibility import TenantQuerySet
from memoryhub.registry.models.entries import ContextEntry


class Relationship(models.Model):
    """A typed, directed link from one entry to another; ``strength`` in 0..1."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.TextField(null=True)
    source = models.ForeignKey(ContextEntry, on_delete=models.CASCADE, related_name="links_out")
    target = models.ForeignKey(ContextEntry, on_delete=models.CASCADE, related_name="links_in")
    relationship_type = models.TextField()
    strength = models.FloatField(default=1.0)
    author = models.TextField(default="")
    created_at = models.DateTimeField(db_default=Now())

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "memory_relationships"
        constraints = [
            models.UniqueConstraint(fields=["source", "target", "relationship_type"], name="relationship_once"),
            models.CheckConstraint(condition=~models.Q(source=models.F("target")), name="relationship_not_to_itself"),
            models.CheckConstraint(
                condition=models.Q(strength__gte=0, strength__lte=1), name="relationship_strength_range"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source_id} {self.relationship_type} {self.target_id}"


class ContextGroup(models.Model):
    """A named set of entries."""

    id = models.BigAutoField(primary_key=True)
    tenant_id = models.TextField()
    name = models.TextField()
    description = models.TextField(default="", blank=True)
    author = models.TextField(default="")
    created_at = models.DateTimeField(db_default=Now())

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "memory_context_groups"
        constraints = [models.UniqueConstraint(fields=["tenant_id", "name"], name="group_name_once_per_tenant")]

    def __str__(self) -> str:
        return self.name


class GroupMember(models.Model):
    id = models.BigAutoField(primary_key=True)
    tenant_id = models.TextField()
    group = models.ForeignKey(ContextGroup, on_delete=models.CASCADE, related_name="members")
    entry = models.ForeignKey(ContextEntry, on_delete=models.CASCADE, related_name="memberships")
    added_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "memory_context_group_members"
        constraints = [models.UniqueConstraint(fields=["group", "entry"], name="group_member_once")]

    def __str__(self) -> str:
        return f"{self.group_id}: {self.entry_id}"
