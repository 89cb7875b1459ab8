"""Fields that several admin forms need."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget

from memoryhub.access.models import Tenant


def active_tenants() -> list[tuple[str, str]]:
    """Those that the signed-in user sees: the query runs behind its walls."""
    return [(tenant.tenant_id, str(tenant)) for tenant in Tenant.objects.filter(active=True)]


class TenantChoice(forms.ChoiceField):
    """One of the tenants in reach; ``without`` names the choice of none."""

    def __init__(self, *, without: str = "", **options: Any) -> None:
        first = ("", without or "Choose a tenant")
        options.setdefault("label", "Tenant")
        options.setdefault("widget", UnfoldAdminSelectWidget)
        super().__init__(choices=lambda: [first, *active_tenants()], required=not without, **options)
