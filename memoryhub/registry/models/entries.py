"""Entries, their versions, and the ephemeral ones in a table of their own."""

from __future__ import annotations

from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from memoryhub.access.ids import new_id
from memoryhub.access.visibility import TenantQuerySet, VisibleQuerySet


class Layer(models.TextChoices):
    """How long an entry lives."""

    EPHEMERAL = "ephemeral", "Ephemeral"
    SESSION = "session", "Session"
    SHORT_TERM = "short_term", "Short term"
    LONG_TERM = "long_term", "Long term"
    PERMANENT = "permanent", "Permanent"


LAYER_ALIASES = {"short": Layer.SHORT_TERM, "long": Layer.LONG_TERM}


class Scope(models.TextChoices):
    """Who may see an entry."""

    GLOBAL = "global", "Global"
    TENANT = "tenant", "Tenant"
    USER = "user", "User"
    SESSION = "session", "Session"
    AGENT = "agent", "Agent"


class Priority(models.TextChoices):
    CRITICAL = "critical", "Critical"
    HIGH = "high", "High"
    MEDIUM = "medium", "Medium"
    LOW = "low", "Low"


class MemoryType(models.TextChoices):
    GENERAL = "general", "General"
    EPISODIC = "episodic", "Episodic"
    SEMANTIC = "semantic", "Semantic"
    PROCEDURAL = "procedural", "Procedural"
    WORKING = "working", "Working"
    CONTEXTUAL = "contextual", "Contextual"


class EntryFields(models.Model):
    """Columns that durable and ephemeral entries share. Columns outside the scope are NULL."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    key = models.TextField()
    layer = models.TextField(choices=Layer.choices)
    scope = models.TextField(choices=Scope.choices)
    priority = models.TextField(choices=Priority.choices, default=Priority.MEDIUM)
    category = models.TextField(default="general")
    source = models.TextField(default="api")
    tenant_id = models.TextField(null=True, blank=True)
    user_id = models.TextField(null=True, blank=True)
    session_id = models.TextField(null=True, blank=True)
    agent_id = models.TextField(null=True, blank=True)
    value = models.JSONField()
    metadata = models.JSONField(default=dict, db_default={})
    memory_type = models.TextField(choices=MemoryType.choices, default=MemoryType.GENERAL, db_default="general")
    importance = models.FloatField(default=0.5, db_default=0.5)
    tags = ArrayField(models.TextField(), default=list, blank=True, db_default=[])
    origin_session = models.TextField(null=True, blank=True, help_text="The session that it was stored in.")
    encrypted = models.BooleanField(default=False, db_default=False, help_text="The value is the caller's ciphertext.")
    author = models.TextField(default="", help_text="Who wrote this version.")
    owner = models.TextField(default="", db_default="", help_text="Who stored it first.")
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True, blank=True)
    slides_seconds = models.IntegerField(
        null=True, blank=True, help_text="Each use moves expires_at this far ahead; empty: the end is fixed."
    )
    access_count = models.BigIntegerField(default=0, db_default=0)
    last_accessed_at = models.DateTimeField(null=True, blank=True)
    sync_version = models.IntegerField(default=1, db_default=1)

    class Meta:
        abstract = True


class EntryQuerySet(VisibleQuerySet):
    """Narrows what is visible to what is there: a tombstone is not, and by default neither is an archived entry."""

    def present(self, *, archived: bool = False) -> Self:
        """Neither deleted nor past its end (a legal hold outlasts it). Archived ones only when asked for, then whatever
        their end was.
        """
        alive = models.Q(expires_at=None) | models.Q(expires_at__gt=ClockTimestamp()) | models.Q(legal_hold=True)
        there = models.Q(archived_at=None) & alive
        if archived:
            there |= models.Q(archived_at__isnull=False)
        return self.filter(there, deleted_at=None)


class EphemeralQuerySet(VisibleQuerySet):
    def present(self, *, archived: bool = False) -> Self:
        """Those whose end has not come."""
        return self.filter(expires_at__gt=ClockTimestamp())


class ClockTimestamp(models.Func):
    """The time on the clock: ``now()`` would still be the start of the transaction after waiting for a lock."""

    function = "clock_timestamp"
    output_field = models.DateTimeField()


IDENTITY = ["key", "scope", "tenant_id", "user_id", "session_id", "agent_id"]
SCOPE_COLUMNS = (
    models.Q(scope="global", tenant_id=None, user_id=None, session_id=None, agent_id=None)
    | models.Q(scope="tenant", tenant_id__isnull=False, user_id=None, session_id=None, agent_id=None)
    | models.Q(scope="user", tenant_id__isnull=False, user_id__isnull=False, session_id=None, agent_id=None)
    | models.Q(scope="session", tenant_id__isnull=False, user_id=None, session_id__isnull=False, agent_id=None)
    | models.Q(scope="agent", tenant_id__isnull=False, session_id=None, agent_id__isnull=False)
)


class ContextEntry(EntryFields):
    """One memory. Deleting leaves a tombstone (``deleted_at``); storing its key again revives it."""

    content = models.TextField(default="", db_default="", help_text="The searchable text of the value.")
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="children", db_index=False
    )
    stability = models.FloatField(default=1.0, db_default=1.0, help_text="Multiplies the half-life of the strength.")
    reinforcements = models.IntegerField(default=0, db_default=0)
    archived_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    legal_hold = models.BooleanField(default=False, db_default=False)
    trust = models.FloatField(default=1.0, db_default=1.0)
    disputed = models.BooleanField(
        default=False, db_default=False, help_text="Another value was offered and nobody has decided yet."
    )

    objects = EntryQuerySet.as_manager()

    class Meta:
        db_table = "memory_context_registry"
        verbose_name = "entry"
        verbose_name_plural = "entries"
        constraints = [
            models.UniqueConstraint(fields=IDENTITY, name="entry_identity", nulls_distinct=False),
            models.CheckConstraint(condition=SCOPE_COLUMNS, name="entry_scope_columns"),
            models.CheckConstraint(condition=~models.Q(layer="ephemeral"), name="entry_is_durable"),
            models.CheckConstraint(
                condition=models.Q(importance__gte=0, importance__lte=1), name="entry_importance_range"
            ),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "user_id", "key"], name="idx_context_tenant_user"),
            models.Index(fields=["tenant_id", "-updated_at"], name="entries_newest"),
            # Partial: most entries have no session, agent or parent, and every index is paid at every store.
            models.Index(
                fields=["tenant_id", "session_id"],
                condition=models.Q(session_id__isnull=False),
                name="entries_of_session",
            ),
            models.Index(
                fields=["tenant_id", "agent_id", "id"],
                condition=models.Q(agent_id__isnull=False),
                name="entries_by_agent",
            ),
            models.Index(fields=["parent"], condition=models.Q(parent__isnull=False), name="entries_of_parent"),
            models.Index(
                fields=["tenant_id", "origin_session"], condition=models.Q(layer="session"), name="entries_in_session"
            ),
            models.Index(fields=["expires_at"], condition=models.Q(expires_at__isnull=False), name="entries_expiring"),
            models.Index(
                fields=["archived_at"], condition=models.Q(archived_at__isnull=False), name="entries_archived"
            ),
            models.Index(fields=["deleted_at"], condition=models.Q(deleted_at__isnull=False), name="entries_deleted"),
        ]

    def __str__(self) -> str:
        return self.key


class EphemeralEntry(EntryFields):
    """UNLOGGED (see the migration): no versions, no outbox, gone after inactivity."""

    objects = EphemeralQuerySet.as_manager()

    class Meta:
        db_table = "memory_context_ephemeral"
        verbose_name = "ephemeral entry"
        verbose_name_plural = "ephemeral entries"
        constraints = [
            models.UniqueConstraint(fields=IDENTITY, name="ephemeral_identity", nulls_distinct=False),
            models.CheckConstraint(condition=SCOPE_COLUMNS, name="ephemeral_scope_columns"),
        ]
        indexes = [
            models.Index(fields=["expires_at"], name="ephemeral_expiring"),
            models.Index(fields=["tenant_id", "session_id"], name="ephemeral_of_session"),
        ]

    def __str__(self) -> str:
        return self.key


class EntryVersion(models.Model):
    """One version of an entry, as it was; written in the transaction of the change."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # its unique constraint serves as index
    entry = models.ForeignKey(ContextEntry, on_delete=models.CASCADE, related_name="versions", db_index=False)
    tenant_id = models.TextField(null=True)
    version = models.IntegerField()
    action = models.TextField(default="stored", help_text="stored, changed, restored, deleted, archived, …")
    value = models.JSONField()
    metadata = models.JSONField(default=dict)
    attributes = models.JSONField(default=dict, help_text="layer, priority, category, tags, importance, … as of then.")
    author = models.TextField()
    reason = models.TextField(default="")
    written_at = models.DateTimeField(
        null=True, help_text="When it was made, by the agent's clock, where that was earlier than it came here."
    )
    created_at = models.DateTimeField(db_default=Now())

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "memory_context_versions"
        verbose_name = "version"
        ordering = ["-version"]
        constraints = [models.UniqueConstraint(fields=["entry", "version"], name="version_once")]

    def __str__(self) -> str:
        return f"v{self.version}"
