"""Staff accounts, roles and tenant limits. Only those who see all tenants govern them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.http import HttpRequest
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from memoryhub.access.admin.base import HubAdmin, ServiceAdmin, principal_of, sees_all_tenants
from memoryhub.access.models import StaffLimit
from memoryhub.access.services import staff


class ForSightOfAll(HubAdmin):
    """Hidden from staff limited to tenants: an account without limits would be theirs for the making."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(super().has_module_permission(request)) and sees_all_tenants(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(super().has_view_permission(request, obj)) and sees_all_tenants(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(super().has_add_permission(request)) and sees_all_tenants(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(super().has_change_permission(request, obj)) and sees_all_tenants(request)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(super().has_delete_permission(request, obj)) and sees_all_tenants(request)


admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(ForSightOfAll, DjangoUserAdmin):  # type: ignore[type-arg]
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "email", "is_active", "is_staff", "is_superuser", "last_login"]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        """Only a superuser hands out what only a superuser has."""
        fixed = ["last_login", "date_joined"]
        return fixed if request.user.is_superuser else [*fixed, "is_superuser", "user_permissions"]

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        reaches_up = isinstance(obj, User) and obj.is_superuser and not request.user.is_superuser
        return super().has_change_permission(request, obj) and not reaches_up

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        action = "changed" if change else "made"
        staff.note_change(principal=principal_of(request), action=action, user=form.instance)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Django's password page saves the account itself; this is where it says so."""
        if request.resolver_match and request.resolver_match.url_name == "auth_user_password_change":
            staff.note_change(principal=principal_of(request), action="password_set", user=obj)
        return super().log_change(request, obj, message)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        staff.note_change(principal=principal_of(request), action="deleted", user=obj)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for user in queryset:
            staff.note_change(principal=principal_of(request), action="deleted", user=user)
        super().delete_queryset(request, queryset)


@admin.register(Group)
class GroupAdmin(ForSightOfAll, DjangoGroupAdmin):
    """The four roles are set anew by every upgrade; groups made here stay as they are."""

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """A group can hold any permission, so only superusers edit one."""
        return super().has_change_permission(request, obj) and bool(request.user.is_superuser)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_delete_permission(request, obj) and bool(request.user.is_superuser)


@admin.register(StaffLimit)
class StaffLimitAdmin(ForSightOfAll, ServiceAdmin):
    list_display = ["user", "tenant"]
    list_select_related = ["user", "tenant"]
    list_filter = [("tenant", RelatedDropdownFilter)]
    search_fields = ["user__username", "tenant__tenant_id"]

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return HubAdmin.has_delete_permission(self, request, obj) and sees_all_tenants(request)

    def save_model(
        self, request: HttpRequest, obj: StaffLimit, form: forms.ModelForm[StaffLimit], change: bool
    ) -> None:
        tenants = {*staff.limits_of(obj.user), obj.tenant_id}
        staff.limit(principal=principal_of(request), user_id=obj.user_id, tenant_ids=tenants)
        obj.pk = StaffLimit.objects.get(user=obj.user, tenant=obj.tenant).pk

    def delete_model(self, request: HttpRequest, obj: StaffLimit) -> None:
        tenants = {*staff.limits_of(obj.user)} - {obj.tenant_id}
        staff.limit(principal=principal_of(request), user_id=obj.user_id, tenant_ids=tenants)
        if not tenants:
            messages.warning(request, f"{obj.user} has no limits any more, and sees all tenants.")

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for row in queryset.select_related("user"):
            self.delete_model(request, row)
