"""Two versions of one truth, and what was decided about them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from agents_app.models.profiles import Strategy
from memoryhub.access.ids import new_id
from memoryhub.access.visibility import TenantQuerySet
from memoryhub.registry.models import ContextEntry


class Severity(models.TextChoices):
    CRITICAL = "critical", "Critical"
    HIGH = "high", "High"
    MEDIUM = "medium", "Medium"
    LOW = "low", "Low"


class Conflict(models.Model):
    """One disagreement about ``entry``: what is offered stands in its candidates, what is committed in the registry.

    For a duplicate or contradiction that a job found, ``other`` is the second entry and there are no candidates.
    An entry has at most one open conflict about its value; further stale changes become candidates of it.
    """

    class Kind(models.TextChoices):
        EDIT = "edit", "Stale edit"
        CREATION = "creation", "Created twice"
        PROPOSAL = "proposal", "Proposed by a lower-priority agent"
        DUPLICATE = "duplicate", "Same meaning twice"
        CONTRADICTION = "contradiction", "Contradiction"

    class Status(models.TextChoices):
        OPEN = "open", "Open"
        RESOLVED = "resolved", "Resolved"
        DISMISSED = "dismissed", "Dismissed: both stay"
        UNDONE = "undone", "Undone"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.TextField(null=True)
    kind = models.TextField(choices=Kind.choices)
    status = models.TextField(choices=Status.choices, default=Status.OPEN, db_default="open")
    severity = models.TextField(choices=Severity.choices, default=Severity.MEDIUM, db_default="medium")
    entry = models.ForeignKey(ContextEntry, on_delete=models.CASCADE, related_name="conflicts")
    other = models.ForeignKey(ContextEntry, null=True, on_delete=models.CASCADE, related_name="conflicts_as_other")
    # copies, so that the queue is listed without the registry
    key = models.TextField()
    category = models.TextField(default="", db_default="")
    user_id = models.TextField(null=True)
    agent_id = models.TextField(null=True, help_text="Whose memory it is, where it is an agent's.")

    base_version = models.IntegerField(null=True, help_text="The common ancestor; empty: there is none.")
    current_version = models.IntegerField(help_text="The committed version when it was found.")
    strategy = models.TextField(
        choices=Strategy.choices, blank=True, default="", db_default="", help_text="Asked for by the call."
    )
    escalation_reason = models.TextField(default="", db_default="", help_text="Why a human has to decide.")
    confidence = models.FloatField(null=True, help_text="Of a finding by the job, 0 to 1.")
    evidence = models.JSONField(default=dict, db_default={})

    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    due_at = models.DateTimeField(null=True)
    snoozed_until = models.DateTimeField(null=True)
    held_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    held_until = models.DateTimeField(null=True)

    resolution = models.TextField(
        default="", db_default="", help_text="The strategy that decided; manual_review: a person."
    )
    choices = models.JSONField(default=dict, db_default={}, help_text="What was picked, by path.")
    decision_reason = models.TextField(default="", db_default="")
    decided_by = models.TextField(default="", db_default="")
    decided_at = models.DateTimeField(null=True)
    version_before = models.IntegerField(null=True, help_text="The entry's version that was decided upon.")
    version_after = models.IntegerField(null=True, help_text="The entry's version that the decision wrote.")
    undone_by = models.TextField(default="", db_default="")
    undone_at = models.DateTimeField(null=True)

    version = models.IntegerField(default=1, db_default=1, help_text="Raised at every change of the conflict.")
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "memory_conflicts"
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["entry"],
                condition=Q(status="open", other=None),
                name="one_open_conflict_per_value",
            ),
            models.UniqueConstraint(
                fields=["entry", "other", "kind"], condition=Q(status="open"), name="one_open_finding_per_pair"
            ),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "created_at"], condition=Q(status="open"), name="conflicts_open"),
            models.Index(fields=["tenant_id", "-decided_at"], name="conflicts_decided"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.key}"


class Candidate(models.Model):
    """A value that an agent offers instead of the committed one, made from ``base_version``."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.TextField(null=True)
    conflict = models.ForeignKey(Conflict, on_delete=models.CASCADE, related_name="candidates")
    position = models.IntegerField(help_text="1 for the first that came in.")
    agent_id = models.TextField(help_text="Who offers it.")
    base_version = models.IntegerField(null=True)
    deletes = models.BooleanField(default=False, db_default=False, help_text="It offers to delete the entry.")
    value = models.JSONField(null=True)
    attributes = models.JSONField(
        default=dict, db_default={}, help_text="Named beside the value: importance, category, tags, metadata, …"
    )
    importance = models.FloatField(default=0.5, db_default=0.5)
    reason = models.TextField(default="", db_default="")
    written_at = models.DateTimeField(help_text="When the agent made it, by the agent's clock, never in the future.")
    replica_id = models.UUIDField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "memory_conflict_candidates"
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["conflict", "position"], name="candidate_position_once")]

    def __str__(self) -> str:
        return f"{self.position}: {self.agent_id}"


class Presence(models.Model):
    """Somebody looks at a conflict in the admin, and whether with unsaved picks; stale 30 s after ``seen_at``.

    Or at something of a higher house: then ``subject`` and ``subject_id`` say at what, and ``title`` in words.
    """

    id = models.BigAutoField(primary_key=True)
    tenant_id = models.TextField(null=True)
    conflict = models.ForeignKey(Conflict, null=True, on_delete=models.CASCADE, related_name="presence")
    subject = models.TextField(default="conflict", db_default="conflict")
    subject_id = models.UUIDField(null=True)
    title = models.TextField(default="", db_default="")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    editing = models.BooleanField(default=False, db_default=False)
    seen_at = models.DateTimeField(db_default=Now())

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "memory_conflict_presence"
        verbose_name_plural = "presence"
        constraints = [
            models.UniqueConstraint(fields=["conflict", "user"], name="present_once"),
            models.UniqueConstraint(
                fields=["subject", "subject_id", "user"],
                condition=Q(subject_id__isnull=False),
                name="present_elsewhere_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} at {self.conflict_id or self.subject_id}"
