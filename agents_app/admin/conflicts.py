"""Conflicts in the admin: the queue, and the page on which one is decided."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesCheckboxFilter
from unfold.decorators import display

from agents_app import selectors_queue
from agents_app.admin import bulk, queue
from agents_app.admin.conflict_verbs import DECIDING, TAKE, VERBS
from agents_app.admin.review import ReviewViews, address, after
from agents_app.models import Candidate, Conflict, Presence
from agents_app.selectors_queue import walk
from memoryhub.access.admin.base import BigTable, ListedColumns, ReadOnlyAdmin, principal_of
from memoryhub.access.admin.cells import json_cell, moment_cell, text_cell
from memoryhub.access.admin.filters import TenantFilter, exactly
from memoryhub.access.admin.verbs import VerbsMixin
from memoryhub.access.principals import Principal


@admin.register(Conflict)
class ConflictAdmin(ReviewViews, VerbsMixin, ReadOnlyAdmin):
    """Its list is the queue: not a table of rows to look up, but work in the order in which it should be done."""

    verbs = VERBS

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("next/", self.wrapped(self.next_view), name="agents_app_conflict_next"),
            path("bulk/", self.wrapped(self.bulk_view), name="agents_app_conflict_bulk"),
            *(
                path(f"<uuid:object_id>/{name}/", self.wrapped(view), name=f"agents_app_conflict_{name}")
                for name, view in (
                    ("preview", self.preview_view),
                    ("resolve", self.resolve_view),
                    ("reapply", self.reapply_view),
                    ("present", self.present_view),
                )
            ),
        ]
        return own + super().get_urls()

    def wrapped(self, view: Any) -> Any:
        """Behind the sign-in, and by POST alone."""
        return self.admin_site.admin_view(require_POST(view))

    def in_reach(self, rows: QuerySet[Any], principal: Principal) -> QuerySet[Any]:
        return rows & selectors_queue.in_reach(principal)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            **queue.context(request),
            "may_decide": self.may_decide(request),
            "opts": self.opts,
            "title": "Conflicts",
        }
        return TemplateResponse(request, "agents/queue.html", context)

    def next_view(self, request: HttpRequest) -> HttpResponse:
        """Takes the first conflict that nobody has, and opens it."""
        if not self.may_decide(request):
            raise PermissionDenied
        first = selectors_queue.of_view("unassigned", principal_of(request)).first()
        if first is None:
            messages.info(request, "Somebody was faster: every conflict has a reviewer now.")
            return HttpResponseRedirect(reverse("admin:agents_app_conflict_changelist"))
        self.carry_out(request, TAKE, first)
        return HttpResponseRedirect(address("change", first.pk, queue.Filters(view="mine")))

    def bulk_view(self, request: HttpRequest) -> HttpResponse:
        if not self.may_decide(request):
            raise PermissionDenied
        context = {**self.admin_site.each_context(request), "opts": self.opts}
        return (bulk.commit if "confirmed" in request.POST else bulk.preview)(request, context)

    def verb_view(self, request: HttpRequest, object_id: str, verb: str) -> HttpResponse:
        """As every verb; afterwards the work goes on in the view of the queue that the reviewer came from."""
        conflict = self.found(request, object_id)
        filters = queue.Filters.of(bulk.query_of(request))
        onward = after(filters, walk(filters.rows(principal_of(request)), conflict.pk))
        answer = super().verb_view(request, object_id, verb)
        if answer.status_code != HTTPStatus.FOUND:
            return answer
        if verb in DECIDING and self.left(conflict):
            return HttpResponseRedirect(onward)
        return HttpResponseRedirect(address("change", self.open_again(conflict), filters))

    @staticmethod
    def left(conflict: Conflict) -> bool:
        """Whether it is out of the queue now; what was refused is told on the conflict's own page."""
        return not Conflict.objects.filter(selectors_queue.awake(timezone.now()), pk=conflict.pk).exists()

    @staticmethod
    def open_again(conflict: Conflict) -> UUID:
        """After an undo: the conflict that asks the same question again."""
        if not Conflict.objects.filter(pk=conflict.pk, status=Conflict.Status.UNDONE).exists():
            return conflict.pk
        again = Conflict.objects.filter(entry=conflict.entry, other=conflict.other, status=Conflict.Status.OPEN)
        found: UUID | None = again.values_list("pk", flat=True).first()
        return found or conflict.pk


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
    """Who looks at what that waits for a decision; rows of people who left are removed within the hour."""

    list_display = ["user", "about", "editing", "seen"]
    list_filter = [TenantFilter, ("editing", ChoicesCheckboxFilter)]
    list_select_related = ["user", "conflict"]
    ordering = ["-seen_at"]

    @display(description="At", ordering="conflict")
    def about(self, here: Presence) -> SafeString:
        return text_cell(here.conflict.key if here.conflict else here.title, 60)

    @display(description="Seen", ordering="seen_at")
    def seen(self, here: Presence) -> SafeString:
        return moment_cell(here.seen_at)
