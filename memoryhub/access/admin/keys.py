"""API keys in the admin: made, shown once, rotated, revoked."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.urls import path
from django.utils import timezone
from unfold.contrib.filters.admin import AllValuesCheckboxFilter, RadioFilter
from unfold.decorators import action, display

from memoryhub.access.admin.base import ReadOnlyAdmin
from memoryhub.access.admin.key_pages import CreateKeyPage, RevokeKeyPage, RotateKeyPage, ShownOncePage
from memoryhub.access.models import ApiKey


class StateFilter(RadioFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("works", "Works"), ("expired", "Expired"), ("revoked", "Revoked")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
        ended = Q(expires_at__lte=timezone.now())
        wanted = {
            "works": Q(revoked_at=None) & ~ended,
            "expired": Q(revoked_at=None) & ended,
            "revoked": Q(revoked_at__isnull=False),
        }
        return queryset.filter(wanted.get(self.value() or "", Q()))


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    list_display = [
        "shown_name",
        "public_id",
        "tenant_id",
        "bound_to",
        "shown_scopes",
        "state",
        "expires_at",
        "last_used_at",
    ]
    list_filter = [StateFilter, ("tenant_id", AllValuesCheckboxFilter)]
    search_fields = ["name", "public_id", "agent_id", "user_id"]
    fields = [
        ("name", "state"),
        ("tenant_id", "agent_id", "user_id"),
        ("public_id", "shown_scopes"),
        ("created_at", "created_by"),
        ("expires_at", "revoked_at", "last_used_at"),
        "replaces",
    ]
    list_select_related = ["replaces"]
    actions_detail = ["rotate", "revoke"]

    @display(description="Name", ordering="name")
    def shown_name(self, key: ApiKey) -> str:
        return key.name or "(no name)"

    @display(description="Bound to")
    def bound_to(self, key: ApiKey) -> str:
        bound = [("agent", key.agent_id), ("user", key.user_id)]
        return ", ".join(f"{kind} {name}" for kind, name in bound if name) or "–"

    @display(description="Permissions")
    def shown_scopes(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @display(description="State", label={"works": "success", "expired": "warning", "revoked": "danger"})
    def state(self, key: ApiKey) -> str:
        if key.revoked_at is not None:
            return "revoked"
        return "works" if key.usable_at(timezone.now()) else "expired"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("access.add_apikey"))

    def has_govern_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return bool(request.user.has_perm("access.change_apikey"))

    def get_urls(self) -> list[Any]:
        shown = self.admin_site.admin_view(ShownOncePage.as_view(model_admin=self))
        return [path("<uuid:object_id>/shown-once/", shown, name="access_apikey_shown_once"), *super().get_urls()]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponseBase:
        return CreateKeyPage.as_view(model_admin=self)(request)

    # A GET of these shows a page that asks; only its POST does anything.
    @action(description="Rotate …", permissions=["govern"], url_path="rotate", icon="autorenew")
    def rotate(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        return RotateKeyPage.as_view(model_admin=self)(request, object_id=object_id)

    @action(description="Revoke …", permissions=["govern"], url_path="revoke", icon="block")
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        return RevokeKeyPage.as_view(model_admin=self)(request, object_id=object_id)
