"""Grants, the audit trail and idempotency keys: records that nobody edits by hand."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesCheckboxFilter, RangeDateTimeFilter
from unfold.decorators import display

from memoryhub.access import texts
from memoryhub.access.admin.base import BigTable, ReadOnlyAdmin
from memoryhub.access.admin.cells import json_cell, subtle
from memoryhub.access.admin.filters import TenantFilter
from memoryhub.access.models import AuditEvent, Grant, IdempotencyKey


@admin.register(Grant)
class GrantAdmin(BigTable, ReadOnlyAdmin):
    list_display = ["entry_id", "agent_id", "tenant_id", "rights", "reason", "created_by", "created_at"]
    list_filter = [("reason", ChoicesCheckboxFilter), "can_write", TenantFilter]
    search_fields = ["entry_id", "agent_id", "created_by", "note"]

    @display(description="Rights", label={"read": "info", "read and write": "warning"})
    def rights(self, grant: Grant) -> str:
        return "read and write" if grant.can_write else "read"


@admin.register(AuditEvent)
class AuditEventAdmin(BigTable, ReadOnlyAdmin):
    list_display = ["at", "action", "shown_outcome", "actor", "tenant_id", "object_type", "object_id"]
    list_filter = [("outcome", ChoicesCheckboxFilter), ("at", RangeDateTimeFilter), "actor_kind", TenantFilter]
    ordering = ["-pk"]
    search_fields = ["action", "actor", "object_id", "request_id"]
    search_help_text = "Action, actor, object or request id"
    fields = [
        ("at", "outcome"),
        ("action", "request_id"),
        ("actor", "actor_kind"),
        ("tenant_id", "agent_id", "user_id", "key_id"),
        ("object_type", "object_id"),
        "reason",
        "shown_old",
        "shown_new",
    ]

    @display(description="Outcome", ordering="outcome", label={"done": "success", "refused": "danger"})
    def shown_outcome(self, event: AuditEvent) -> str:
        return event.outcome

    @display(description="Before")
    def shown_old(self, event: AuditEvent) -> SafeString:
        return as_json(event.old)

    @display(description="After")
    def shown_new(self, event: AuditEvent) -> SafeString:
        return as_json(event.new)


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(BigTable, ReadOnlyAdmin):
    """Without the answer: it repeats what was stored, which is looked at where its visibility is checked."""

    list_display = ["key", "tenant_id", "caller", "status", "created_at"]
    list_filter = [TenantFilter, "status"]
    search_fields = ["key", "caller"]
    fields = ["key", "tenant_id", "caller", "status", "created_at"]


def as_json(value: object) -> SafeString:
    return subtle(texts.NOTHING) if value is None else json_cell(value)
