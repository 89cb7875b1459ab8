"""Conflicts in the admin: the queue, and the page on which one is decided."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesCheckboxFilter
from unfold.decorators import display

from agents_app import selectors_queue
from agents_app.admin import queue
from agents_app.models import Candidate, Conflict, Presence
from memoryhub.access.admin.base import BigTable, ListedColumns, ReadOnlyAdmin
from memoryhub.access.admin.cells import json_cell, moment_cell, text_cell
from memoryhub.access.admin.filters import TenantFilter, exactly
from memoryhub.access.admin.verbs import VerbsMixin
from memoryhub.access.principals import Principal


@admin.register(Conflict)
class ConflictAdmin(VerbsMixin, ReadOnlyAdmin):
    """Its list is the queue: not a table of rows to look up, but work in the order in which it should be done."""

    def in_reach(self, rows: QuerySet[Any], principal: Principal) -> QuerySet[Any]:
        return rows & selectors_queue.in_reach(principal)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            **queue.context(request),
            "may_decide": self.holds(request, "change"),
            "opts": self.opts,
            "title": "Conflicts",
        }
        return TemplateResponse(request, "agents/queue.html", context)


@admin.register(Candidate)
class CandidateAdmin(ListedColumns, BigTable, ReadOnlyAdmin):
    """What agents offered. Decided about on the page of its conflict."""

    listed = ["conflict_id", "tenant_id", "position", "agent_id", "importance", "deletes", "reason", "written_at"]
    parents = {"conflict": ["key", "status"]}
    list_display = ["about", "agent", "offers", "shown_reason", "written"]
    list_filter = [TenantFilter, exactly("agent_id", "agent")]
    search_fields = ["conflict__key"]
    search_help_text = "Part of the key"
    ordering = ["-pk"]
    fields = [("conflict", "position", "agent_id"), ("base_version", "deletes", "importance"), "offered", "beside",
              "shown_reason", ("written_at", "created_at", "replica_id")]  # fmt: skip
    readonly_fields = ["offered", "beside", "shown_reason"]

    @display(description="About", ordering="conflict")
    def about(self, offer: Candidate) -> SafeString:
        return text_cell(offer.conflict.key, 60)

    @display(description="Agent", ordering="agent_id")
    def agent(self, offer: Candidate) -> SafeString:
        return text_cell(offer.agent_id, 30)

    @display(description="Offers")
    def offers(self, offer: Candidate) -> str:
        return "to delete it" if offer.deletes else "another value"

    @display(description="Why")
    def shown_reason(self, offer: Candidate) -> SafeString:
        return text_cell(offer.reason, 80)

    @display(description="Written", ordering="written_at")
    def written(self, offer: Candidate) -> SafeString:
        return moment_cell(offer.written_at)

    @display(description="Value")
    def offered(self, offer: Candidate) -> SafeString:
        return json_cell(offer.value)

    @display(description="Beside the value")
    def beside(self, offer: Candidate) -> SafeString:
        return json_cell(offer.attributes)


@admin.register(Presence)
class PresenceAdmin(ReadOnlyAdmin):
    """Who looks at which conflict; rows of people who left are removed within the hour."""

    list_display = ["user", "about", "editing", "seen"]
    list_filter = [TenantFilter, ("editing", ChoicesCheckboxFilter)]
    list_select_related = ["user", "conflict"]
    ordering = ["-seen_at"]

    @display(description="At", ordering="conflict")
    def about(self, here: Presence) -> SafeString:
        return text_cell(here.conflict.key, 60)

    @display(description="Seen", ordering="seen_at")
    def seen(self, here: Presence) -> SafeString:
        return moment_cell(here.seen_at)
