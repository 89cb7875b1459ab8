"""What the admin pages of every house share: reading without writing, and writing through verbs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.admin import ModelAdmin
from unfold.paginator import InfinitePaginator

from memoryhub.access.exceptions import HubError
from memoryhub.access.principals import Principal


def principal_of(request: HttpRequest) -> Principal:
    """The principal that AdminWallsMiddleware made of the signed-in user."""
    principal = getattr(request, "principal", None)
    if not isinstance(principal, Principal):
        raise PermissionDenied
    return principal


def sees_all_tenants(request: HttpRequest) -> bool:
    """Only staff without tenant limits governs what belongs to no tenant: staff itself, and the platform."""
    return principal_of(request).staff_tenants is None


class HubAdmin(ModelAdmin):
    """Lists without a count of the whole table, and of those rows alone that the signed-in user may see."""

    show_full_result_count = False
    list_fullwidth = True
    list_filter_submit = True
    list_per_page = 50
    list_max_show_all = 200
    actions: Any = None
    #: Where rows come from: said where there are none.
    empty_says = ""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return self.in_reach(super().get_queryset(request), principal_of(request))

    def in_reach(self, rows: QuerySet[Any], principal: Principal) -> QuerySet[Any]:
        """The first wall before the second one: staff limited to tenants sees the rows of these."""
        belongs = any(field.attname == "tenant_id" for field in self.opts.concrete_fields)
        if principal.staff_tenants is None or not belongs:
            return rows
        return rows.filter(tenant_id__in=principal.staff_tenants)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        title = str(self.opts.verbose_name_plural).capitalize()
        response: HttpResponse = super().changelist_view(request, {"title": title, **(extra_context or {})})
        return response

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Asks for the permission before it looks: Django's answers else tell whether the row exists."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        response: HttpResponse = super().history_view(request, object_id, extra_context)
        return response


class BigTable:
    """Mix-in for tables of millions of rows: pages go on without counting all rows first."""

    paginator = InfinitePaginator


class ListedColumns:
    """Mix-in: a list reads only the columns that it shows, which leaves long texts and values where they are.

    ``parents`` names foreign keys and the columns shown of their rows. They are read after the page and not
    joined: with row-level security on both tables, the planner would join everything before it cuts the page.
    """

    listed: Sequence[str] = ()
    parents: Mapping[str, Sequence[str]] = {}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)  # type: ignore[misc]
        matched = request.resolver_match
        is_list = matched is not None and str(matched.url_name).endswith("_changelist")
        return rows.only(*self.listed).prefetch_related(*self.parents_shown()) if is_list else rows

    def parents_shown(self) -> Iterator[Any]:
        for name, columns in self.parents.items():
            parent = self.model._meta.get_field(name).related_model  # type: ignore[attr-defined]
            yield Prefetch(name, parent._default_manager.only(*columns))


class VisibleRows:
    """Mix-in for models whose ``visible_to`` knows more than tenants: scopes, and what all tenants share."""

    def in_reach(self, rows: Any, principal: Principal) -> QuerySet[Any]:
        found: QuerySet[Any] = rows.visible_to(principal)
        return found


class ReadOnlyAdmin(HubAdmin):
    """History and machinery: looked at, never edited."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ServiceAdmin(HubAdmin):
    """Forms that save through a verb in ``save_model``. What the verb refuses is shown, and nothing is changed."""

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        try:
            response: HttpResponse = super().changeform_view(request, object_id, form_url, extra_context)
        except HubError as error:
            messages.error(request, error.message)
            return HttpResponseRedirect(request.get_full_path())
        return response
