"""Sync events: what changed, and how far its stores are."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import display

from memoryhub.access.admin.records import as_json
from memoryhub.sync.admin.lists import OutboxAdmin, TenantFilter
from memoryhub.sync.models import Delivery, SyncEvent


class DeliveryInline(TabularInline):
    model = Delivery
    fields = ["store", "status", "attempts", "next_at", "done_at", "error"]
    readonly_fields = fields
    show_change_link = True
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(SyncEvent)
class SyncEventAdmin(OutboxAdmin):
    list_display = ["timestamp", "event_type", "context_key", "version", "tenant", "state", "error"]
    list_filter = ["processed", TenantFilter, ("timestamp", RangeDateTimeFilter)]
    search_help_text = "The id of the object, or the beginning of its key"
    fields = [
        ("timestamp", "event_type", "state"),
        ("context_key", "version"),
        ("object_id", "event_id"),
        ("tenant", "source_system", "priority"),
        ("shown_targets", "processed_at"),
        "error",
        "shown_payload",
    ]
    readonly_fields = ["state", "tenant", "shown_targets", "shown_payload"]
    inlines = [DeliveryInline]

    @display(description="Tenant", ordering="tenant_id")
    def tenant(self, event: SyncEvent) -> str:
        return event.tenant_id or "global"

    @display(description="State", label={"processed": "success", "has an error": "danger", "under way": "info"})
    def state(self, event: SyncEvent) -> str:
        if event.processed:
            return "processed"
        return "has an error" if event.error else "under way"

    @display(description="Stores")
    def shown_targets(self, event: SyncEvent) -> str:
        return ", ".join(event.target_systems) or "–"

    @display(description="Payload")
    def shown_payload(self, event: SyncEvent) -> SafeString:
        return as_json(event.payload)
