"""Entries in the admin: lists, and a page for one entry with all that is known about it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RadioFilter, RangeDateTimeFilter
from unfold.decorators import display

from memoryhub.access import texts
from memoryhub.access.admin.base import BigTable, ListedColumns, ReadOnlyAdmin, VisibleRows, principal_of
from memoryhub.access.admin.cells import moment_cell, text_cell
from memoryhub.access.admin.filters import TenantFilter, exactly
from memoryhub.access.admin.verbs import VerbsMixin
from memoryhub.registry.admin import entry_page
from memoryhub.registry.admin.editing import edit
from memoryhub.registry.admin.entry_verbs import RESTORE_VERSION, VERBS
from memoryhub.registry.models import ContextEntry, EphemeralEntry

LISTED = [
    "key",
    "layer",
    "scope",
    "priority",
    "category",
    "tenant_id",
    "user_id",
    "session_id",
    "agent_id",
    "updated_at",
    "expires_at",
    "sync_version",
]


class StateFilter(RadioFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("live", "Live"), ("archived", "Archived"), ("deleted", "Deleted"), ("held", "Under legal hold")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        wanted = {
            "live": Q(archived_at=None, deleted_at=None),
            "archived": Q(archived_at__isnull=False, deleted_at=None),
            "deleted": Q(deleted_at__isnull=False),
            "held": Q(legal_hold=True),
        }
        return queryset.filter(wanted.get(self.value() or "", Q()))


class EntryListAdmin(ListedColumns, BigTable, VisibleRows, ReadOnlyAdmin):
    """What lists of durable and ephemeral entries share."""

    search_help_text = "Part of the key, or a whole id"
    search_fields = ["key"]
    ordering = ["-pk"]
    list_display_links = ["shown_key"]
    listed = LISTED

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        try:
            return queryset.filter(pk=UUID(search_term.strip())), False
        except ValueError:
            found: tuple[QuerySet[Any], bool] = super().get_search_results(request, queryset, search_term)
            return found

    @display(description="Key", ordering="key")
    def shown_key(self, entry: ContextEntry) -> SafeString:
        return text_cell(entry.key, 60)

    @display(description="Belongs to", ordering="scope")
    def belongs_to(self, entry: ContextEntry) -> SafeString:
        who = entry.agent_id or entry.session_id or entry.user_id or entry.tenant_id or "everybody"
        below = f"{entry.get_scope_display()} scope" + (f" in {entry.tenant_id}" if who != entry.tenant_id else "")
        return format_html('{}<span class="hub-below">{}</span>', text_cell(who, 30), texts.visible(below))

    @display(
        description="Layer",
        ordering="layer",
        label={"Permanent": "success", "Long term": "primary", "Short term": "info", "Session": "warning"},
    )
    def shown_layer(self, entry: ContextEntry) -> str:
        return str(entry.get_layer_display())

    @display(description="Version", ordering="sync_version")
    def shown_version(self, entry: ContextEntry) -> str:
        return f"v{entry.sync_version}"

    @display(description="Changed", ordering="updated_at")
    def changed(self, entry: ContextEntry) -> SafeString:
        return moment_cell(entry.updated_at)

    @display(description="Ends", ordering="expires_at")
    def ends(self, entry: ContextEntry) -> SafeString:
        return moment_cell(entry.expires_at, "never")


@admin.register(ContextEntry)
class EntryAdmin(VerbsMixin, EntryListAdmin):
    list_display = [
        "shown_key",
        "belongs_to",
        "shown_layer",
        "shown_priority",
        "category",
        "shown_version",
        "state",
        "changed",
    ]
    list_filter = [
        TenantFilter,
        StateFilter,
        ("layer", ChoicesDropdownFilter),
        ("scope", ChoicesDropdownFilter),
        ("priority", ChoicesDropdownFilter),
        ("memory_type", ChoicesDropdownFilter),
        exactly("category", "category"),
        exactly("agent_id", "agent"),
        exactly("user_id", "user"),
        exactly("session_id", "session"),
        ("updated_at", RangeDateTimeFilter),
    ]
    listed = [*LISTED, "archived_at", "deleted_at", "legal_hold", "importance"]
    verbs = VERBS

    @display(description="Priority", label={"Critical": "danger", "High": "warning"})
    def shown_priority(self, entry: ContextEntry) -> str:
        return str(entry.get_priority_display())

    @display(description="State", label={"live": "success", "archived": "warning", "deleted": "danger", "held": "info"})
    def state(self, entry: ContextEntry) -> str:
        return entry_page.state_of(entry)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.edit_view)
        return [path("<uuid:object_id>/edit/", view, name="registry_contextentry_edit"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        entry = self.found(request, object_id)
        context = {
            **self.admin_site.each_context(request),
            **entry_page.context(entry, request),
            "buttons": self.buttons(request, entry),
            "may_edit": self.may_change(request, entry),
            "restore": self.verb_address(entry, RESTORE_VERSION) if self.may(request, RESTORE_VERSION, entry) else "",
            "opts": self.opts,
            "original": entry,
            "title": texts.spelled_out(entry.key),
        }
        return TemplateResponse(request, "registry/entry.html", context)

    def edit_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        entry = self.found(request, str(object_id))
        if not self.may_change(request, entry):
            raise Http404
        context = {**self.admin_site.each_context(request), "opts": self.opts, "original": entry, "title": entry.key}
        return edit(request, entry, context, principal=principal_of(request), done=self.page_of(entry))

    def found(self, request: HttpRequest, object_id: str) -> ContextEntry:
        entry = self.get_object(request, object_id)
        if entry is None or not self.has_view_permission(request, entry):
            raise Http404
        assert isinstance(entry, ContextEntry)
        return entry


@admin.register(EphemeralEntry)
class EphemeralEntryAdmin(EntryListAdmin):
    list_display = ["shown_key", "belongs_to", "category", "shown_version", "ends", "changed"]
    list_filter = [
        TenantFilter,
        ("scope", ChoicesDropdownFilter),
        exactly("session_id", "session"),
        exactly("agent_id", "agent"),
    ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        entry = self.get_object(request, object_id)
        if entry is None or not self.has_view_permission(request, entry):
            raise Http404
        context = {
            **self.admin_site.each_context(request),
            "attributes": entry_page.attributes(entry),
            "entry": entry,
            "opts": self.opts,
            "original": entry,
            "title": texts.spelled_out(entry.key),
        }
        return TemplateResponse(request, "registry/ephemeral.html", context)
