"""Agents in the admin: what is said of them, what they keep, how their sync stands."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RadioFilter
from unfold.decorators import display

from agents_app import selectors
from agents_app.admin.agent_forms import EDITED, NewProfileForm, ProfileForm
from agents_app.admin.agent_verbs import AGENT_VERBS, TENANT_VERBS
from agents_app.models import AgentProfile
from agents_app.services import profiles
from memoryhub.access.admin.base import ServiceAdmin, principal_of
from memoryhub.access.admin.cells import moment_cell, subtle, text_cell
from memoryhub.access.admin.filters import TenantFilter
from memoryhub.access.admin.tenants import TenantAdmin
from memoryhub.access.admin.verbs import VerbsMixin
from memoryhub.access.models import Agent
from memoryhub.access.principals import Principal, system_principal

#: On one line of the form.
RULES = ("priority", "retention_days")
PRIORITIES = {"Critical": "danger", "High": "warning", "Medium": "info", "Low": "default"}

TenantAdmin.verbs += TENANT_VERBS


class FailingFilter(RadioFilter):
    title = "sync"
    parameter_name = "sync"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("failing", "Last run failed")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(sync_failures__gt=0) if self.value() == "failing" else queryset


@admin.register(AgentProfile)
class AgentProfileAdmin(VerbsMixin, ServiceAdmin):
    list_display = ["shown_agent", "tenant_id", "state", "shown_priority", "retention", "strategy", "synced", "syncs"]
    list_filter = [
        TenantFilter,
        ("priority", ChoicesDropdownFilter),
        ("conflict_strategy", ChoicesDropdownFilter),
        FailingFilter,
    ]
    search_fields = ["agent_id", "description"]
    search_help_text = "Agent, or words of its description"
    ordering = ["tenant_id", "agent_id"]
    form = ProfileForm
    readonly_fields = ["shown_agent", "tenant_id", "state", "memories", "kinds", "synced", "next_sync", "syncs"]
    verbs = AGENT_VERBS
    change_form_template = "hub/verb_page.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        on = Agent.objects.filter(tenant_id=OuterRef("tenant_id"), agent_id=OuterRef("agent_id"), active=True)
        rows: QuerySet[Any] = super().get_queryset(request).annotate(is_active=Exists(on))
        return rows

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        form = ProfileForm if obj else NewProfileForm
        return super().get_form(request, obj, change, **{**options, "form": form})

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        said: list[Any] = [RULES, *(name for name in EDITED if name not in RULES)]
        if obj is None:
            return [(None, {"fields": ["tenant_id", ("agent_id", "name"), *said]})]
        said = [*said, "seen"] if self.has_change_permission(request, obj) else said
        return [
            (None, {"fields": [("shown_agent", "tenant_id"), "state"]}),
            ("Profile", {"fields": said}),
            ("Memories", {"fields": ["memories", "kinds"]}),
            ("Sync", {"fields": [("synced", "next_sync"), "syncs"]}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return self.readonly_fields if obj else []

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        profile = self.get_object(request, object_id)
        buttons = self.buttons(request, profile) if profile is not None else []
        shown: HttpResponse = super().change_view(
            request, object_id, form_url, {**(extra_context or {}), "buttons": buttons}
        )
        return shown

    def save_model(self, request: HttpRequest, obj: AgentProfile, form: Any, change: bool) -> None:
        principal = principal_of(request).within(obj.tenant_id)
        if change:
            seen = form.cleaned_data.get("seen")
            profiles.change(obj.agent_id, principal=principal, if_version=seen, **form.said())
            return
        name = form.cleaned_data["name"]
        obj.pk = profiles.register(principal=principal, agent_id=obj.agent_id, name=name, **form.said()).profile.pk

    @display(description="Agent", ordering="agent_id")
    def shown_agent(self, profile: AgentProfile) -> SafeString:
        return text_cell(profile.agent_id, 60)

    @display(description="State", label={"active": "success", "off": "danger"})
    def state(self, profile: Any) -> str:
        return "active" if profile.is_active else "off"

    @display(description="Priority", ordering="priority", label=PRIORITIES)
    def shown_priority(self, profile: AgentProfile) -> str:
        return str(profile.get_priority_display())

    @display(description="Retention", ordering="retention_days")
    def retention(self, profile: AgentProfile) -> str:
        return f"{profile.retention_days} days" if profile.retention_days else "the hub's"

    @display(description="Conflicts", ordering="conflict_strategy")
    def strategy(self, profile: AgentProfile) -> str:
        return str(profile.get_conflict_strategy_display()) if profile.conflict_strategy else "the hub's"

    @display(description="Last synced", ordering="last_synced_at")
    def synced(self, profile: AgentProfile) -> SafeString:
        return moment_cell(profile.last_synced_at, "never")

    @display(description="Next sync", ordering="next_sync_at")
    def next_sync(self, profile: AgentProfile) -> SafeString:
        return moment_cell(profile.next_sync_at)

    @display(description="Syncs")
    def syncs(self, profile: AgentProfile) -> SafeString:
        total, failed = profile.sync_totals.get("total_syncs", 0), profile.sync_totals.get("failed_syncs", 0)
        if profile.sync_failures:
            return format_html(
                '<strong>the last {} failed</strong><span class="hub-below">{} in all</span>',
                profile.sync_failures,
                f"{total:,}",
            )
        return format_html("{}", f"{total:,}" + (f", {failed:,} failed" if failed else ""))

    @display(description="Its memories")
    def memories(self, profile: AgentProfile) -> SafeString:
        found = selectors.allocation(principal=self.reader(profile), agent_id=profile.agent_id)
        return format_html(
            "{} own, {} of them shared with others; {} MB",
            f"{found.total_memories:,}",
            f"{found.shared_memories:,}",
            f"{found.storage_utilization_mb:,.2f}",
        )

    @display(description="By type and layer")
    def kinds(self, profile: AgentProfile) -> SafeString:
        found = selectors.allocation(principal=self.reader(profile), agent_id=profile.agent_id)
        lines = [*sorted(found.memory_type_breakdown.items()), *sorted(found.layer_breakdown.items())]
        shown = format_html_join(", ", "{} {}", ((name.replace("_", " "), f"{n:,}") for name, n in lines))
        return shown or subtle("none")

    def reader(self, profile: AgentProfile) -> Principal:
        """Counts alone are shown, to whoever may see the page."""
        return system_principal("admin", profile.tenant_id)
