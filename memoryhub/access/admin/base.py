"""What the admin pages of every house share: reading without writing, and writing through verbs."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.admin import ModelAdmin

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
    """Lists without a count of the whole table; what is not in reach is hidden by row-level security."""

    show_full_result_count = False
    list_fullwidth = True
    list_filter_submit = True


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
