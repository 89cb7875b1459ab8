"""Filters that several lists share."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter, TextFilter

from memoryhub.access.admin.base import principal_of
from memoryhub.access.models import Tenant

MOST_TENANTS = 500


class TenantFilter(DropdownFilter):
    """Tenants from their own table: asking a big one for its distinct values would read all of it."""

    title = "tenant"
    parameter_name = "tenant"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        tenants = Tenant.objects.visible_to(principal_of(request)).values_list("tenant_id", flat=True)
        return [(tenant, tenant) for tenant in tenants[:MOST_TENANTS]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(tenant_id=self.value()) if self.value() else queryset


def exactly(column: str, name: str) -> type[TextFilter]:
    """A filter that takes the whole text of a column, which an index can find."""

    class Exactly(TextFilter):
        title = name
        parameter_name = f"is_{column}"

        def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
            return queryset.filter(**{column: self.value()}) if self.value() else queryset

    return Exactly
