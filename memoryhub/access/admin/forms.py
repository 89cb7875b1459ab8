"""Fields that several admin forms need."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget

from memoryhub.access.models import Tenant

#: The value of choosing no tenant; no tenant can be called so.
NO_TENANT = "*"


def active_tenants() -> list[tuple[str, str]]:
    """Those that the signed-in user sees: the query runs behind its walls."""
    return [(tenant.tenant_id, str(tenant)) for tenant in Tenant.objects.filter(active=True)]


class TenantChoice(forms.ChoiceField):
    """One of the tenants in reach; ``without`` offers, last and under that name, to choose none."""

    def __init__(self, *, without: str = "", **options: Any) -> None:
        last = [(NO_TENANT, without)] if without else []
        options.setdefault("label", "Tenant")
        options.setdefault("widget", UnfoldAdminSelectWidget)
        super().__init__(choices=lambda: [("", "Choose a tenant"), *active_tenants(), *last], **options)
