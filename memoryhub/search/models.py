"""The search index: a row per thing that can be found, with what decides who sees it; vectors beside it."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Case, Func, Q, Value, When
from django.db.models.functions import Concat, Now
from pgvector.django import HalfVectorField

from memoryhub.access.ids import new_id
from memoryhub.access.visibility import TenantQuerySet, VisibleQuerySet

TEXT = models.TextField()
#: Whom a row reaches, as one sortable text: "g", "t", "u:<user>", "s:<session>", "a:<agent>"; "x…" when archived, and
#: "yk…", "yp…", "yw…" for knowledge, procedures and work. So archived rows, and kinds that a search does not ask for,
#: lie apart from what is searched, and cost it nothing however many they are.
REACH = Concat(
    Case(When(archived=True, then=Value("x", TEXT)), default=Value("", TEXT)),
    Case(
        When(kind="knowledge", then=Value("yk", TEXT)),
        When(kind="procedure", then=Value("yp", TEXT)),
        When(kind="work", then=Value("yw", TEXT)),
        default=Value("", TEXT),
    ),
    Case(
        When(scope="global", then=Value("g", TEXT)),
        When(scope="tenant", then=Value("t", TEXT)),
        When(scope="user", then=Concat(Value("u:", TEXT), "user_id")),
        When(scope="session", then=Concat(Value("s:", TEXT), "session_id")),
        When(scope="agent", then=Concat(Value("a:", TEXT), "agent_id")),
    ),
)


def of_content(function: str, field: models.Field[Any, Any]) -> models.GeneratedField:
    return models.GeneratedField(expression=Func("content", function=function), output_field=field, db_persist=True)


class IndexRow(models.Model):
    """``id`` is the id of the entry, message, … The database makes the rest from ``content``: the number of its
    words, whether it asks (ends with "?"), whether it tells a time ("yesterday", "in June"), and its passages.

    A message of a session with a user has scope ``user`` and both ids; without a user, scope ``tenant``. So have
    knowledge and work; procedures have scope ``tenant``.
    """

    class Kind(models.TextChoices):
        ENTRY = "entry", "Entry"
        MESSAGE = "message", "Message"
        KNOWLEDGE = "knowledge", "Knowledge"
        WORK = "work", "Work done"
        PROCEDURE = "procedure", "Procedure"

    id = models.UUIDField(primary_key=True)
    kind = models.TextField(choices=Kind.choices)
    tenant_id = models.TextField(null=True)
    scope = models.TextField()
    user_id = models.TextField(null=True)
    session_id = models.TextField(null=True)
    agent_id = models.TextField(null=True)
    layer = models.TextField(null=True)
    category = models.TextField(null=True)
    memory_type = models.TextField(null=True)
    priority = models.TextField(null=True)
    source = models.TextField(null=True)
    author = models.TextField(null=True)
    parent_id = models.UUIDField(null=True)
    tags = ArrayField(models.TextField(), default=list)
    importance = models.FloatField(null=True)
    sequence = models.IntegerField(null=True)
    event_at = models.DateTimeField(help_text="When it was said or last changed.")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    archived = models.BooleanField(default=False, db_default=False)
    version = models.IntegerField()
    content = models.TextField()
    words = of_content("search_word_count", models.IntegerField())
    question = of_content("search_is_question", models.BooleanField())
    tells_time = of_content("search_tells_time", models.BooleanField())
    addresses = of_content("search_addresses", models.BooleanField())
    reach = models.GeneratedField(expression=REACH, output_field=models.TextField(db_collation="C"), db_persist=True)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        db_table = "memory_search_index"
        verbose_name_plural = "search index"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(scope="global", tenant_id=None)
                | (~models.Q(scope="global") & models.Q(tenant_id__isnull=False)),
                name="search_global_without_tenant",
            )
        ]
        indexes = [
            models.Index(fields=["tenant_id", "reach", "-event_at"], include=["words"], name="search_by_reach"),
            models.Index(
                fields=["tenant_id", "reach", "author"], condition=Q(author__isnull=False), name="search_by_author"
            ),
            models.Index(fields=["tenant_id", "session_id", "sequence"], name="search_by_session"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class Passage(models.Model):
    """At most 110 consecutive words of a row, as they are found: most rows have one. A trigger makes them.

    ``terms`` are hashes of (tenant, reach, stem), so that one index finds rows of one reach; ``frequencies`` says
    how often each occurs, ``length`` is the number of words. Stems come from the tenant's text search configuration.
    """

    pk = models.CompositePrimaryKey("row_id", "number")
    row_id = models.UUIDField()
    number = models.IntegerField()
    tenant_id = models.TextField(null=True)
    terms = ArrayField(models.BigIntegerField())
    frequencies = ArrayField(models.SmallIntegerField())
    length = models.IntegerField()

    class Meta:
        db_table = "memory_search_passages"
        indexes = [
            # without a pending list: a search would read all of it for every word
            GinIndex(fields=["terms"], name="search_terms", fastupdate=False),
        ]

    def __str__(self) -> str:
        return f"{self.row_id} ({self.number})"


class KnownWord(models.Model):
    """A word of a row, in lower case, for finding it misspelled. At most a few rows of a reach hold the same word.

    ``keys`` are hashes of (tenant, reach, gram), ``hash`` is that of the word, so that one index finds words of one
    reach. ``lasting``: its row does not expire. Removed with its row; made anew by the relay when the row changes.
    """

    pk = models.CompositePrimaryKey("row_id", "word")
    row_id = models.UUIDField()
    word = models.TextField(db_collation="C")
    tenant_id = models.TextField(null=True)
    hash = models.BigIntegerField()
    lasting = models.BooleanField()
    keys = ArrayField(models.BigIntegerField())

    class Meta:
        db_table = "memory_search_vocabulary"
        indexes = [
            models.Index(fields=["hash"], name="vocabulary_by_hash"),
            # without a pending list, like that of the passages
            GinIndex(fields=["keys"], name="vocabulary_by_keys", fastupdate=False),
        ]

    def __str__(self) -> str:
        return f"{self.word} ({self.row_id})"


class ReadRow(models.Model):
    """A row whose words were read into the vocabulary, and in which version. Removed when it changes."""

    row_id = models.UUIDField(primary_key=True)
    tenant_id = models.TextField(null=True)
    version = models.IntegerField()

    class Meta:
        db_table = "memory_search_vocabulary_read"

    def __str__(self) -> str:
        return f"{self.row_id} ({self.version})"


class Vector(models.Model):
    """The embedding of an index row by one model. The dimension is the model's.

    Removed with its row by a foreign key; ``tenant_id`` and ``reach`` follow the row by trigger.
    """

    pk = models.CompositePrimaryKey("row_id", "model")
    row_id = models.UUIDField()
    model = models.TextField()
    tenant_id = models.TextField(null=True)
    reach = models.TextField(db_collation="C", null=True)
    version = models.IntegerField(help_text="Version of the row that was embedded.")
    embedding = HalfVectorField()
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "memory_context_vectors"

    def __str__(self) -> str:
        return f"{self.row_id} ({self.model})"


class VectorIndex(models.Model):
    """A vector index of one tenant's rows, or of one ``reach`` of it (None: all), in one model.

    Only tenants with more rows than are compared exactly have one. ``exact_up_to`` is that number when the
    row was last looked at, ``large_reaches`` are the reaches above it. ``name`` is the index in the database.
    """

    class Status(models.TextChoices):
        BUILDING = "building", "Being built"
        READY = "ready", "In use"
        FAILED = "failed", "Failed: tried again later"

    id = models.UUIDField(primary_key=True, default=new_id)
    tenant_id = models.TextField()
    model = models.TextField()
    reach = models.TextField(db_collation="C", null=True)
    name = models.TextField(unique=True)
    dimension = models.IntegerField()
    status = models.TextField(choices=Status.choices, default=Status.BUILDING)
    reason = models.TextField(default="", db_default="", help_text="Why the last attempt failed.")
    attempts = models.IntegerField(default=0, db_default=0, help_text="Attempts since it was last in use.")
    rows = models.BigIntegerField(help_text="Vectors when last counted.")
    exact_up_to = models.IntegerField()
    large_reaches = ArrayField(models.TextField(db_collation="C"), default=list)
    bytes = models.BigIntegerField(default=0, db_default=0)
    seconds = models.FloatField(null=True, help_text="How long the build took.")
    started_at = models.DateTimeField(db_default=Now(), help_text="When the last attempt began.")
    built_at = models.DateTimeField(null=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "memory_vector_indexes"
        verbose_name_plural = "vector indexes"
        ordering = ["-rows"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant_id", "model", "reach"], name="vector_index_once", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id}{f' ({self.reach})' if self.reach else ''} in {self.model}"


class VectorSpace(models.Model):
    """An embedder together with the recipe of what is embedded; it serves all tenants.

    ``name`` is the ``model`` of its vectors. ``embedder`` is what makes them, from ``kind`` and ``settings``.
    ``after``: rows up to this id are looked through; None before the first. ``drop_at``: when the vectors of a
    former space are removed. ``held_back``: a person left it; the configuration alone does not bring it back.
    """

    class State(models.TextChoices):
        BUILDING = "building", "Being built"
        PAUSED = "paused", "Paused"
        READY = "ready", "Ready"
        ACTIVE = "active", "Active"
        RETIRED = "retired", "Former"
        FAILED = "failed", "Failed"
        DROPPED = "dropped", "Removed"

    id = models.UUIDField(primary_key=True, default=new_id)
    name = models.TextField(unique=True)
    embedder = models.TextField()
    kind = models.TextField(help_text="local, remote or hashing.")
    settings = models.JSONField(default=dict)
    dimension = models.IntegerField()
    context_words = models.IntegerField()
    state = models.TextField(choices=State.choices)
    switch_by_itself = models.BooleanField(default=True)
    held_back = models.BooleanField(default=False)
    complete = models.BooleanField(default=False, help_text="All rows were looked through since it became active.")
    after = models.UUIDField(null=True)
    done = models.IntegerField(default=0, help_text="Rows embedded.")
    total = models.IntegerField(default=0, help_text="Rows of the index when they were last counted.")
    refused = models.IntegerField(default=0, help_text="Rows that its embedder does not take.")
    rate = models.FloatField(null=True, help_text="Rows per second, lately.")
    error = models.TextField(default="", help_text="What went wrong last.")
    asked_by = models.TextField()
    asked_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True, help_text="When it became active.")
    ended_at = models.DateTimeField(null=True, help_text="When another one became active, or it was cancelled.")
    drop_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "memory_search_spaces"
        verbose_name = "search model"
        ordering = ["-asked_at"]
        constraints = [
            models.UniqueConstraint(fields=["state"], condition=models.Q(state="active"), name="one_space_is_active"),
            models.UniqueConstraint(
                models.Value(1),
                condition=models.Q(state__in=["building", "paused", "ready"]),
                name="one_space_is_coming",
            ),
        ]

    def __str__(self) -> str:
        return self.name
