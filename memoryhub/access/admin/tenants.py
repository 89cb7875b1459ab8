"""Tenants in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from unfold.decorators import display

from memoryhub.access.admin.base import ServiceAdmin, principal_of, sees_all_tenants
from memoryhub.access.admin.verbs import Verb, VerbsMixin
from memoryhub.access.models import Tenant
from memoryhub.access.services import tenants


@admin.register(Tenant)
class TenantAdmin(VerbsMixin, ServiceAdmin):
    list_display = ["tenant_id", "name", "state", "text_search_config", "created_at"]
    list_filter = ["active"]
    search_fields = ["tenant_id", "name"]
    fields = ["tenant_id", "name", "text_search_config", "active", "created_at"]
    readonly_fields = ["created_at"]
    #: Higher houses add theirs: what they do for a whole tenant.
    verbs: tuple[Verb, ...] = ()
    change_form_template = "hub/verb_page.html"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        tenant = self.get_object(request, object_id)
        buttons = self.buttons(request, tenant) if tenant is not None else []
        shown: HttpResponse = super().change_view(
            request, object_id, form_url, {**(extra_context or {}), "buttons": buttons}
        )
        return shown

    @display(description="State", label={"active": "success", "off": "danger"})
    def state(self, tenant: Tenant) -> str:
        return "active" if tenant.active else "off"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(super().has_add_permission(request)) and sees_all_tenants(request)

    def get_readonly_fields(self, request: HttpRequest, obj: Tenant | None = None) -> list[str]:
        fixed = ["tenant_id"] if obj else ["active"]
        return fixed + (["active"] if obj and not sees_all_tenants(request) else []) + ["created_at"]

    def save_model(self, request: HttpRequest, obj: Tenant, form: ModelForm[Tenant], change: bool) -> None:
        values: dict[str, Any] = {"name": obj.name, "text_search_config": obj.text_search_config}
        principal = principal_of(request)
        if not change:
            tenants.create(principal=principal, tenant_id=obj.tenant_id, **values)
            return
        active = obj.active if "active" in form.changed_data else None
        tenants.change(principal=principal, tenant_id=obj.tenant_id, active=active, **values)
