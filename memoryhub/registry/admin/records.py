"""Lists beside the entries: versions, relationships, groups, the access log. All are looked at, never edited."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import display

from memoryhub.access.admin.base import BigTable, ListedColumns, ReadOnlyAdmin, VisibleRows
from memoryhub.access.admin.cells import json_cell, moment_cell, text_cell
from memoryhub.access.admin.filters import TenantFilter, exactly
from memoryhub.registry.models import AccessRecord, ContextEntry, ContextGroup, EntryVersion, GroupMember, Relationship


def entry_link(entry: ContextEntry, suffix: str = "") -> SafeString:
    address = reverse("admin:registry_contextentry_change", args=[entry.pk]) + suffix
    return format_html('<a class="hub-link" href="{}">{}</a>', address, text_cell(entry.key, 60))


@admin.register(EntryVersion)
class VersionAdmin(ListedColumns, BigTable, VisibleRows, ReadOnlyAdmin):
    listed = ["entry", "version", "action", "tenant_id", "author", "reason", "created_at"]
    list_display = ["of_entry", "shown_version", "shown_action", "tenant_id", "author", "shown_reason", "at"]
    list_display_links = ["shown_version"]
    list_filter = [
        TenantFilter,
        exactly("author", "author"),
        exactly("action", "action"),
        ("created_at", RangeDateTimeFilter),
    ]
    search_fields = ["entry__key", "author", "reason"]
    search_help_text = "Key, author or reason"
    parents = {"entry": ["key"]}
    ordering = ["-pk"]
    fields = [
        ("of_entry", "version"),
        ("action", "author", "at"),
        "shown_reason",
        "shown_value",
        "shown_attributes",
        "shown_metadata",
    ]
    readonly_fields = ["of_entry", "at", "shown_reason", "shown_value", "shown_attributes", "shown_metadata"]

    @display(description="Entry")
    def of_entry(self, version: EntryVersion) -> SafeString:
        return entry_link(version.entry)

    @display(description="Version", ordering="version")
    def shown_version(self, version: EntryVersion) -> str:
        return f"v{version.version}"

    @display(description="Action", label={"deleted": "danger", "restored": "info", "archived": "warning"})
    def shown_action(self, version: EntryVersion) -> str:
        return version.action

    @display(description="Reason")
    def shown_reason(self, version: EntryVersion) -> SafeString:
        return text_cell(version.reason or "—", 200)

    @display(description="When", ordering="created_at")
    def at(self, version: EntryVersion) -> SafeString:
        return moment_cell(version.created_at)

    @display(description="Value")
    def shown_value(self, version: EntryVersion) -> SafeString:
        return json_cell(version.value)

    @display(description="Attributes")
    def shown_attributes(self, version: EntryVersion) -> SafeString:
        return json_cell(version.attributes)

    @display(description="Metadata")
    def shown_metadata(self, version: EntryVersion) -> SafeString:
        return json_cell(version.metadata)


@admin.register(Relationship)
class RelationshipAdmin(ListedColumns, BigTable, VisibleRows, ReadOnlyAdmin):
    listed = [
        "relationship_type",
        "strength",
        "tenant_id",
        "author",
        "created_at",
        "source",
        "target",
    ]
    list_display = [
        "shown_source",
        "relationship_type",
        "shown_target",
        "shown_strength",
        "tenant_id",
        "author",
        "made",
    ]
    list_display_links = ["relationship_type"]
    list_filter = [TenantFilter, exactly("relationship_type", "type"), exactly("author", "author")]
    search_fields = ["source__key", "target__key"]
    search_help_text = "Key of either entry"
    parents = {"source": ["key"], "target": ["key"]}
    ordering = ["-pk"]
    fields = ["shown_source", "relationship_type", "shown_target", ("shown_strength", "author", "made")]
    readonly_fields = ["shown_source", "shown_target", "shown_strength", "made"]

    @display(description="From")
    def shown_source(self, link: Relationship) -> SafeString:
        return entry_link(link.source)

    @display(description="To")
    def shown_target(self, link: Relationship) -> SafeString:
        return entry_link(link.target)

    @display(description="Strength", ordering="strength")
    def shown_strength(self, link: Relationship) -> str:
        return f"{link.strength:.2f}"

    @display(description="Made")
    def made(self, link: Relationship) -> SafeString:
        return moment_cell(link.created_at)


class MemberInline(TabularInline):
    model = GroupMember
    fields = ["shown_entry", "added"]
    readonly_fields = ["shown_entry", "added"]
    extra = 0
    per_page = 50
    can_delete = False
    verbose_name_plural = "Members"

    def get_queryset(self, request: HttpRequest) -> QuerySet[GroupMember]:
        rows: QuerySet[GroupMember] = super().get_queryset(request)
        return rows.select_related("entry").order_by("-pk")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description="Entry")
    def shown_entry(self, member: GroupMember) -> SafeString:
        return entry_link(member.entry)

    @display(description="Since")
    def added(self, member: GroupMember) -> SafeString:
        return moment_cell(member.added_at)


@admin.register(ContextGroup)
class GroupAdmin(VisibleRows, ReadOnlyAdmin):
    list_display = ["name", "shown_description", "members", "tenant_id", "author", "made"]
    list_filter = [TenantFilter]
    search_fields = ["name", "description"]
    search_help_text = "Name or description"
    ordering = ["name"]
    fields = ["name", "shown_description", ("author", "made")]
    readonly_fields = ["shown_description", "made"]
    inlines = [MemberInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ContextGroup]:
        rows: QuerySet[ContextGroup] = super().get_queryset(request)
        return rows.annotate(size=Count("members"))

    @display(description="Description")
    def shown_description(self, group: ContextGroup) -> SafeString:
        return text_cell(group.description or "—", 200)

    @display(description="Members", ordering="size")
    def members(self, group: Any) -> int:
        return int(group.size)

    @display(description="Made", ordering="created_at")
    def made(self, group: ContextGroup) -> SafeString:
        return moment_cell(group.created_at)


@admin.register(AccessRecord)
class AccessRecordAdmin(BigTable, ReadOnlyAdmin):
    list_display = ["at", "shown_key", "operation", "shown_latency", "actor", "user_id", "tenant_id"]
    list_display_links = None
    list_filter = [
        TenantFilter,
        exactly("actor", "actor"),
        exactly("operation", "operation"),
        ("timestamp", RangeDateTimeFilter),
    ]
    search_fields = ["=context_key", "=entry_id"]
    search_help_text = "A whole key or entry id"
    ordering = ["-timestamp"]

    @display(description="When", ordering="timestamp")
    def at(self, record: AccessRecord) -> SafeString:
        return moment_cell(record.timestamp)

    @display(description="Key")
    def shown_key(self, record: AccessRecord) -> SafeString:
        cell = text_cell(record.context_key, 70)
        if record.entry_id is None:
            return cell
        address = reverse("admin:registry_contextentry_change", args=[record.entry_id])
        return format_html('<a class="hub-link" href="{}">{}</a>', address, cell)

    @display(description="Took", ordering="latency_ms")
    def shown_latency(self, record: AccessRecord) -> str:
        return f"{record.latency_ms:.1f} ms"
