"""What the long lists of this house share: filters and pages that never count a whole table."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.contrib.filters.admin import DropdownFilter

from memoryhub.access.admin.base import ReadOnlyAdmin
from memoryhub.access.models import Tenant
from memoryhub.sync import stores

MOST_LISTED = 10_000
NO_TENANT = "-"


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts up to 10,000: who looks for something among more filters."""

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        return rows.order_by()[:MOST_LISTED].count() if isinstance(rows, QuerySet) else len(rows)


class TenantFilter(DropdownFilter):
    """The tenants in reach, from their own table: the long one is not searched for its different values."""

    title = "tenant"
    parameter_name = "tenant"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        known = Tenant.objects.order_by("tenant_id").values_list("tenant_id", flat=True)
        return [(NO_TENANT, "No tenant (global)"), *((tenant, tenant) for tenant in known)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        wanted = self.value()
        if not wanted:
            return queryset
        return queryset.filter(tenant_id=None if wanted == NO_TENANT else wanted)


class StoreFilter(DropdownFilter):
    title = "store"
    parameter_name = "store"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in stores.names()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(store=self.value()) if self.value() else queryset


class OutboxAdmin(ReadOnlyAdmin):
    """Looked for by the id of an object, or by the beginning of a key."""

    paginator = CappedPaginator
    search_fields = ["object_id"]  # shows the box; see get_search_results
    key_field = "context_key"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        try:
            return queryset.filter(object_id=UUID(term)), False
        except ValueError:
            return queryset.filter(**{f"{self.key_field}__startswith": term}), False
