"""What the team knows: problems with their solutions, and everything else worth knowing; errors as they happened."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import MD5, Now

from memoryhub.access.ids import new_id
from memoryhub.access.visibility import TenantQuerySet
from sessions_app.models.reach import ConversationQuerySet


class Knowledge(models.Model):
    """One thing that is known. With a ``problem_signature`` it is a problem, and its solutions stand beside it.

    Of the tenant; with a user, for callers that name the user or the session. ``solution``, ``success_rate``,
    ``usage_count`` and ``last_used`` repeat the best solution, so that the table reads alone.
    """

    class Type(models.TextChoices):
        ERROR_PATTERN = "error_pattern", "Error pattern"
        SOLUTION = "solution", "Solution"
        PATTERN = "pattern", "Pattern"
        BEST_PRACTICE = "best_practice", "Best practice"
        INSIGHT = "insight", "Insight"
        CONFIGURATION = "configuration", "Configuration"
        DECISION = "decision", "Decision"
        REFERENCE = "reference", "Reference"

    class Status(models.TextChoices):
        ACTIVE = "active", "Active"
        SUPERSEDED = "superseded", "Superseded"
        MERGED = "merged", "Merged into another"
        ARCHIVED = "archived", "Archived"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.TextField()
    user_id = models.TextField(null=True, blank=True, help_text="Whom it is about; empty: the whole tenant's.")
    session_id = models.TextField(null=True, blank=True, help_text="Where it was learned.")
    knowledge_type = models.TextField(choices=Type.choices, default=Type.REFERENCE, db_default="reference")
    title = models.TextField()
    content = models.JSONField(default=dict, db_default={}, help_text="A text or an object, as it was captured.")
    text = models.TextField(default="", db_default="", help_text="What is searched: title, content, problem, tags.")
    tags = ArrayField(models.TextField(), default=list, db_default=[], blank=True)
    importance = models.FloatField(default=0.5, db_default=0.5)

    problem_signature = models.TextField(null=True, blank=True, help_text="The normalized error; one per tenant.")
    problem_description = models.TextField(default="", db_default="", blank=True)
    error_type = models.TextField(default="", db_default="", help_text="Such as ConnectionRefusedError or E11000.")
    template = models.TextField(default="", db_default="", help_text="The error text with its variable parts masked.")
    solution = models.TextField(default="", db_default="", blank=True)
    success_rate = models.FloatField(default=0.5, db_default=0.5, help_text="Of the best solution, 0 to 1.")
    usage_count = models.IntegerField(default=0, db_default=0)
    last_used = models.DateTimeField(null=True)
    occurrences = models.IntegerField(default=0, db_default=0, help_text="Errors that were matched to it.")

    status = models.TextField(choices=Status.choices, default=Status.ACTIVE, db_default="active")
    replaced_by = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="replaces")
    verified_by = models.TextField(default="", db_default="", help_text="The person who confirmed it; empty: nobody.")
    verified_at = models.DateTimeField(null=True)
    author = models.TextField(default="", db_default="")
    version = models.IntegerField(default=1, db_default=1)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    objects = ConversationQuerySet.as_manager()

    class Meta:
        db_table = "knowledge_base"
        verbose_name_plural = "knowledge"
        ordering = ["-updated_at"]
        constraints = [
            # a merged or superseded problem leaves its signature to the one that took its place
            models.UniqueConstraint(
                fields=["tenant_id", "user_id", "problem_signature"],
                condition=Q(status="active", problem_signature__isnull=False),
                name="one_problem_per_signature",
                nulls_distinct=False,
            ),
            models.CheckConstraint(condition=Q(importance__gte=0, importance__lte=1), name="knowledge_importance"),
            models.CheckConstraint(condition=Q(success_rate__gte=0, success_rate__lte=1), name="knowledge_rate"),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "knowledge_type", "-updated_at"], name="knowledge_by_type"),
            models.Index(fields=["tenant_id", "error_type"], condition=~Q(error_type=""), name="knowledge_by_error"),
            models.Index(
                fields=["tenant_id", "problem_signature"],
                condition=Q(replaced_by__isnull=False),
                name="knowledge_replaced",
            ),
            GinIndex(fields=["tags"], name="knowledge_tags"),
            # titles are longer than an index takes
            models.Index("tenant_id", "knowledge_type", MD5("title"), name="knowledge_by_title"),
        ]

    def __str__(self) -> str:
        return self.title


class Solution(models.Model):
    """One way to solve a problem. ``success_rate`` counts with a prior, so that one success is no certainty."""

    class Status(models.TextChoices):
        ACTIVE = "active", "Active"
        RETIRED = "retired", "Retired"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.TextField()
    knowledge = models.ForeignKey(Knowledge, on_delete=models.CASCADE, related_name="solutions")
    text = models.TextField(help_text="What to do.")
    procedure = models.TextField(default="", db_default="", blank=True, help_text="Name of the procedure to follow.")
    successes = models.IntegerField(default=0, db_default=0)
    failures = models.IntegerField(default=0, db_default=0)
    success_rate = models.FloatField(default=0.5, db_default=0.5)
    usage_count = models.IntegerField(default=0, db_default=0, help_text="How often it was tried.")
    last_used = models.DateTimeField(null=True)
    status = models.TextField(choices=Status.choices, default=Status.ACTIVE, db_default="active")
    verified_by = models.TextField(default="", db_default="")
    verified_at = models.DateTimeField(null=True)
    author = models.TextField(default="", db_default="")
    merged_from = ArrayField(
        models.UUIDField(),
        default=list,
        db_default=[],
        help_text="The knowledge that it came from by merging, in order.",
    )
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "knowledge_solutions"
        ordering = ["-success_rate", "-usage_count"]
        constraints = [
            models.CheckConstraint(
                condition=Q(successes__gte=0, failures__gte=0, success_rate__gte=0, success_rate__lte=1),
                name="solution_counts",
            ),
        ]
        indexes = [models.Index(fields=["knowledge", "-success_rate"], name="solutions_best_first")]

    def __str__(self) -> str:
        return self.text[:80]


class KnowledgeVersion(models.Model):
    """What a piece of knowledge said in one version, with its solutions: written with every change."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.TextField()
    knowledge = models.ForeignKey(Knowledge, on_delete=models.CASCADE, related_name="versions")
    version = models.IntegerField()
    document = models.JSONField()
    author = models.TextField(default="", db_default="")
    reason = models.TextField(default="", db_default="")
    at = models.DateTimeField(db_default=Now())

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "knowledge_versions"
        ordering = ["-version"]
        constraints = [models.UniqueConstraint(fields=["knowledge", "version"], name="knowledge_version_once")]

    def __str__(self) -> str:
        return f"{self.knowledge_id} v{self.version}"


class CapturedError(models.Model):
    """An error that an agent met, with its context, and the known problem that it was matched to."""

    class MatchedBy(models.TextChoices):
        SIGNATURE = "signature", "Same signature"
        LIKENESS = "likeness", "Like a known one"
        NEW = "new", "Not known before"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.TextField()
    user_id = models.TextField(null=True)
    session_id = models.TextField(null=True)
    agent_id = models.TextField(null=True)
    operation = models.ForeignKey(
        "procedures_app.Operation", null=True, on_delete=models.SET_NULL, related_name="captured_errors"
    )
    message = models.TextField()
    error_type = models.TextField(default="", db_default="")
    context = models.JSONField(default=dict, db_default={})
    signature = models.TextField()
    knowledge = models.ForeignKey(Knowledge, null=True, on_delete=models.SET_NULL, related_name="errors")
    matched_by = models.TextField(choices=MatchedBy.choices, default=MatchedBy.NEW, db_default="new")
    confidence = models.FloatField(default=0.0, db_default=0.0)
    solution = models.ForeignKey(
        Solution, null=True, on_delete=models.SET_NULL, related_name="errors", help_text="What was recommended."
    )
    solved = models.BooleanField(null=True, help_text="Whether the recommended solution helped; empty: not said yet.")
    merged_from = ArrayField(
        models.UUIDField(),
        default=list,
        db_default=[],
        help_text="The knowledge that it came from by merging, in order.",
    )
    created_at = models.DateTimeField(db_default=Now())

    objects = ConversationQuerySet.as_manager()

    class Meta:
        db_table = "captured_errors"
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["tenant_id", "-created_at"], name="errors_newest"),
            models.Index(fields=["tenant_id", "signature", "-created_at"], name="errors_by_signature"),
            models.Index(fields=["created_at"], name="errors_age"),
        ]

    def __str__(self) -> str:
        return self.message[:80]


class Feedback(models.Model):
    """What came of trying a solution. Said twice about one error or operation it counts once."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.TextField()
    solution = models.ForeignKey(Solution, on_delete=models.CASCADE, related_name="feedback")
    error = models.ForeignKey(CapturedError, null=True, on_delete=models.SET_NULL, related_name="feedback")
    operation = models.ForeignKey(
        "procedures_app.Operation", null=True, on_delete=models.SET_NULL, related_name="feedback"
    )
    worked = models.BooleanField()
    note = models.TextField(default="", db_default="")
    author = models.TextField(default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "knowledge_feedback"
        verbose_name_plural = "feedback"
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["solution", "error"], condition=Q(error__isnull=False), name="feedback_once_per_error"
            ),
            models.UniqueConstraint(
                fields=["solution", "operation"],
                condition=Q(error=None, operation__isnull=False),
                name="feedback_once_per_operation",
            ),
        ]

    def __str__(self) -> str:
        return "worked" if self.worked else "did not work"
