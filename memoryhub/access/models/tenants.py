"""Tenants, and which of them a staff user may see."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models

from memoryhub.access.models.tenancy import TenantQuerySet

SLUG = r"\A[a-z0-9][a-z0-9_.-]{0,62}\Z"
slug_validator = RegexValidator(
    SLUG, "Use 1 to 63 characters: lower-case letters, digits, '-', '_', '.'; start with a letter or digit."
)


class Tenant(models.Model):
    """The isolation boundary."""

    tenant_id = models.TextField(primary_key=True, validators=[slug_validator])
    name = models.TextField(blank=True, default="")
    text_search_config = models.TextField(
        default="english", help_text="PostgreSQL text search configuration for this tenant's memories."
    )
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "memory_tenants"
        ordering = ["tenant_id"]
        permissions = [
            ("read_memories", "Can read memories"),
            ("write_memories", "Can change memories"),
            ("administer", "Can do what needs an admin key"),
        ]

    def __str__(self) -> str:
        return self.name or self.tenant_id


class StaffLimit(models.Model):
    """A staff user with at least one of these sees these tenants only; without any, all of them."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="tenant_limits")
    # PROTECT: the last limit that goes with its tenant would open all the others
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="staff_limits")

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "memory_staff_tenants"
        constraints = [models.UniqueConstraint(fields=["user", "tenant"], name="staff_tenant_once")]

    def __str__(self) -> str:
        return f"{self.user} → {self.tenant_id}"
