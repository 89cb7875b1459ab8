"""Which categories of memory go from which agent to which, and which never leave theirs."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from memoryhub.access.ids import new_id
from memoryhub.access.visibility import TenantQuerySet


class SharingRule(models.Model):
    """``from_agent`` None means whichever agent stores it. Restrict wins over every other rule and grant."""

    class Action(models.TextChoices):
        SHARE = "share", "Share: readable"
        PROPAGATE = "propagate", "Propagate: share and announce"
        RESTRICT = "restrict", "Restrict: never leaves the agent"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.TextField()
    category = models.TextField(help_text="Canonical slug, for example user_preferences.")
    action = models.TextField(choices=Action.choices)
    from_agent = models.TextField(null=True, blank=True)
    to_agents = ArrayField(models.TextField(), default=list, blank=True, db_default=[])
    can_write = models.BooleanField(default=False, db_default=False)
    active = models.BooleanField(default=True, db_default=True)
    note = models.TextField(blank=True, default="", db_default="")
    version = models.IntegerField(default=1, db_default=1)
    created_by = models.TextField(default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "memory_sharing_rules"
        ordering = ["tenant_id", "category", "action", "from_agent"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant_id", "category", "action", "from_agent", "can_write"],
                name="one_rule_of_a_kind",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(action="restrict", to_agents=[], can_write=False)
                | ~Q(action="restrict") & ~Q(to_agents=[]),
                name="rule_names_receivers",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.category} from {self.from_agent or 'any agent'}"


class CategoryAlias(models.Model):
    """Another way to write a category: ``preference`` for ``user_preferences``. Stored in lower case."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.TextField()
    alias = models.TextField()
    category = models.TextField()

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "memory_category_aliases"
        verbose_name_plural = "category aliases"
        ordering = ["tenant_id", "alias"]
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "alias"], name="alias_once_per_tenant"),
            models.CheckConstraint(condition=~Q(alias=models.F("category")), name="alias_is_another_name"),
        ]

    def __str__(self) -> str:
        return f"{self.alias} → {self.category}"


class Regrant(models.Model):
    """Bringing the grants of stored memories in line with changed rules: a job, in slices, after ``cursor``."""

    class Status(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.TextField()
    categories = ArrayField(models.TextField(), default=list, db_default=[], help_text="Empty: all of them.")
    reason = models.TextField(default="", db_default="")
    started_by = models.TextField(default="", db_default="")
    status = models.TextField(choices=Status.choices, default=Status.WAITING, db_default="waiting")
    starts_after = models.BigIntegerField(
        null=True, help_text="Transactions before this one may have read the older rules."
    )
    cursor_agent = models.TextField(default="", db_default="")
    cursor = models.UUIDField(null=True)
    skipped = ArrayField(
        models.UUIDField(), default=list, db_default=[], help_text="Somebody was writing them: taken again at the end."
    )
    total = models.BigIntegerField(null=True)
    done = models.BigIntegerField(default=0, db_default=0)
    granted = models.BigIntegerField(default=0, db_default=0)
    revoked = models.BigIntegerField(default=0, db_default=0)
    attempts = models.IntegerField(default=0, db_default=0)
    error = models.TextField(default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "memory_regrants"
        verbose_name = "re-granting"
        verbose_name_plural = "re-granting"
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["created_at"], condition=Q(status__in=["waiting", "running"]), name="regrants_open")
        ]

    def __str__(self) -> str:
        return f"{', '.join(self.categories) or 'all categories'}: {self.status}"
