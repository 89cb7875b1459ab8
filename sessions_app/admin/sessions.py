"""Sessions in the admin: the list, and the page of one session as a timeline."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from memoryhub.access import texts
from memoryhub.access.admin.base import BigTable, ListedColumns, ReadOnlyAdmin, VisibleRows, principal_of
from memoryhub.access.admin.cells import moment_cell, text_cell
from memoryhub.access.admin.filters import TenantFilter, exactly
from memoryhub.access.admin.verbs import VerbsMixin
from sessions_app.admin.session_verbs import SESSION_VERBS
from sessions_app.models import Handoff, Session, Task
from sessions_app.selectors import timeline

LISTED = [
    "session_id",
    "tenant_id",
    "user_id",
    "status",
    "current_agent",
    "active_agents",
    "message_count",
    "last_activity",
    "start_time",
]
KINDS = [
    ("message", "Messages"),
    ("task", "Tasks"),
    ("handoff", "Hand-offs"),
    ("snapshot", "Snapshots"),
    ("decision", "Decisions"),
]
TASKS_SHOWN = 50


@admin.register(Session)
class SessionAdmin(VerbsMixin, ListedColumns, BigTable, VisibleRows, ReadOnlyAdmin):
    listed = LISTED
    list_display = ["shown_id", "whose", "shown_status", "agents", "messages", "active", "started"]
    list_filter = [
        TenantFilter,
        ("status", ChoicesDropdownFilter),
        exactly("user_id", "user"),
        exactly("current_agent", "agent"),
        ("last_activity", RangeDateTimeFilter),
    ]
    search_fields = ["session_id", "summary"]
    search_help_text = "Session id or summary"
    ordering = ["-pk"]
    verbs = SESSION_VERBS

    @display(description="Session", ordering="session_id")
    def shown_id(self, session: Session) -> SafeString:
        return text_cell(session.session_id, 60)

    @display(description="Tenant and user", ordering="tenant_id")
    def whose(self, session: Session) -> SafeString:
        user = text_cell(session.user_id or "no user", 30)
        return format_html('{}<span class="hub-below">{}</span>', text_cell(session.tenant_id, 30), user)

    @display(
        description="Status", ordering="status", label={"Active": "success", "Expired": "warning", "Archived": "info"}
    )
    def shown_status(self, session: Session) -> str:
        return str(session.get_status_display())

    @display(description="Agents", ordering="current_agent")
    def agents(self, session: Session) -> SafeString:
        others = [agent for agent in session.active_agents if agent != session.current_agent]
        below = f"with {', '.join(others)}" if others else ""
        return format_html(
            '{}<span class="hub-below">{}</span>', text_cell(session.current_agent or "—", 30), text_cell(below, 40)
        )

    @display(description="Messages", ordering="message_count")
    def messages(self, session: Session) -> str:
        return f"{session.message_count:,}"

    @display(description="Last activity", ordering="last_activity")
    def active(self, session: Session) -> SafeString:
        return moment_cell(session.last_activity)

    @display(description="Started", ordering="start_time")
    def started(self, session: Session) -> SafeString:
        return moment_cell(session.start_time)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.newer_view)
        return [path("<uuid:object_id>/newer/", view, name="sessions_app_session_newer"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        session = self.found(request, object_id)
        before = number(request.GET.get("before"))
        context = {
            **self.admin_site.each_context(request),
            "session": session,
            "page": timeline.page(session, principal=principal_of(request), before=before),
            "is_latest": before is None,
            "kinds": KINDS,
            "tasks": open_tasks(session),
            # as pairs: a fact may be called "items", which a template would take for the method
            "facts": list(session.critical_facts.items()),
            "pending": session.handoffs.filter(status=Handoff.Status.PENDING).first(),
            "buttons": self.buttons(request, session),
            "opts": self.opts,
            "original": session,
            "title": texts.spelled_out(session.session_id),
        }
        return TemplateResponse(request, "sessions/session.html", context)

    def newer_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """The events after ``?after=<number>&since=<time>``, as list items; the page appends them."""
        session = self.found(request, str(object_id))
        after, since = number(request.GET.get("after")), moment(request.GET.get("since"))
        found = timeline.newer(session, principal=principal_of(request), after=after or 0, since=since)
        return TemplateResponse(request, "sessions/newer.html", {"page": found, "session": session})

    def found(self, request: HttpRequest, object_id: str) -> Session:
        session = self.get_object(request, object_id)
        if session is None or not self.has_view_permission(request, session):
            raise Http404
        assert isinstance(session, Session)
        return session


def number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None


def moment(text: str | None) -> datetime:
    try:
        found = parse_datetime(text or "")
    except ValueError:
        found = None
    return found if found is not None and found.tzinfo is not None else timezone.now()


def open_tasks(session: Session) -> list[Task]:
    closed = [Task.Status.COMPLETED, Task.Status.CANCELLED]
    return list(session.tasks.exclude(status__in=closed).order_by("created_at")[:TASKS_SHOWN])
