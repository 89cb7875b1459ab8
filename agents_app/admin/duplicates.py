"""Duplicates that were removed, each of which can be taken back, and how far the search for disagreements has come."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.decorators import display

from agents_app.models import DetectionMark, DuplicateRemoval
from agents_app.services import duplicates
from memoryhub.access.admin.base import BigTable, ListedColumns, ReadOnlyAdmin
from memoryhub.access.admin.cells import json_cell, moment_cell, text_cell
from memoryhub.access.admin.filters import TenantFilter
from memoryhub.access.admin.verbs import Call, Verb, VerbsMixin
from memoryhub.registry.admin.records import entry_link


def take_back(call: Call) -> str:
    duplicates.undo(call.object.pk, principal=call.principal, reason=call.reason)
    return "Both memories are as they were before, each by a new version."


TAKE_BACK = Verb(
    "undo",
    "Undo the removal",
    "Brings the removed memory back and takes from the kept one what it had taken over: attributes, grants, "
    "relationships. Refused when one of them was changed since.",
    take_back,
    "change",
    "required",
    available=lambda removal: removal.undone_at is None,
    icon="undo",
)


@admin.register(DuplicateRemoval)
class DuplicateRemovalAdmin(VerbsMixin, ListedColumns, BigTable, ReadOnlyAdmin):
    listed = ["tenant_id", "kept", "dropped", "reason", "removed_by", "removed_at", "undone_at"]
    parents = {"kept": ["key"], "dropped": ["key"]}
    list_display = ["shown_dropped", "shown_kept", "state", "removed_by", "removed", "shown_reason", "tenant_id"]
    list_display_links = ["state"]
    list_filter = [TenantFilter]
    search_fields = ["kept__key", "dropped__key"]
    search_help_text = "Part of a key"
    fields = [
        ("shown_dropped", "shown_kept"),
        ("state", "removed_by", "removed"),
        ("dropped_before", "dropped_after", "kept_before", "kept_after"),
        "shown_reason",
        "took_over",
        ("undone_by", "undone"),
    ]
    readonly_fields = ["shown_dropped", "shown_kept", "state", "removed", "shown_reason", "took_over", "undone"]
    verbs = (TAKE_BACK,)
    change_form_template = "hub/verb_page.html"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        found = self.get_object(request, object_id)
        buttons = self.buttons(request, found) if found is not None else []
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "buttons": buttons})

    @display(description="Removed")
    def shown_dropped(self, removal: DuplicateRemoval) -> SafeString:
        return entry_link(removal.dropped)

    @display(description="Kept instead")
    def shown_kept(self, removal: DuplicateRemoval) -> SafeString:
        return entry_link(removal.kept)

    @display(description="State", label={"removed": "info", "undone": "success"})
    def state(self, removal: DuplicateRemoval) -> str:
        return "undone" if removal.undone_at else "removed"

    @display(description="When", ordering="removed_at")
    def removed(self, removal: DuplicateRemoval) -> SafeString:
        return moment_cell(removal.removed_at)

    @display(description="Undone")
    def undone(self, removal: DuplicateRemoval) -> SafeString:
        return moment_cell(removal.undone_at)

    @display(description="Reason")
    def shown_reason(self, removal: DuplicateRemoval) -> SafeString:
        return text_cell(removal.reason or "—", 120)

    @display(description="Taken over by the kept one")
    def took_over(self, removal: DuplicateRemoval) -> SafeString:
        return json_cell(removal.moved)


@admin.register(DetectionMark)
class DetectionMarkAdmin(ReadOnlyAdmin):
    list_display = ["tenant_id", "scope", "compared", "found", "up_to", "last"]
    list_filter = [TenantFilter]
    fields = ["tenant_id", "scope", ("compared", "found"), ("up_to", "last")]
    readonly_fields = ["scope", "up_to", "last"]

    @display(description="Compares")
    def scope(self, mark: DetectionMark) -> str:
        return "everything of one agent, once" if mark.name else "what changes"

    @display(description="Changes up to", ordering="at")
    def up_to(self, mark: DetectionMark) -> SafeString:
        return moment_cell(mark.at)

    @display(description="Last at work", ordering="moved_at")
    def last(self, mark: DetectionMark) -> SafeString:
        return moment_cell(mark.moved_at)
