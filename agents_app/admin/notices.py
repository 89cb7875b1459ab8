"""Notices: what staff was told of things that wait for a person, and what this user has not read yet."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Case, Exists, OuterRef, QuerySet, Value, When
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RadioFilter
from unfold.decorators import action, display

from agents_app import noticed
from agents_app.models import Notice, NoticeRead
from agents_app.services import notices
from memoryhub.access.admin.base import BigTable, ReadOnlyAdmin, principal_of
from memoryhub.access.admin.cells import moment_cell, text_cell
from memoryhub.access.admin.filters import TenantFilter
from memoryhub.access.admin.verbs import Call, Verb, VerbsMixin
from memoryhub.access.principals import Principal

SEVERITIES = {"Critical": "danger", "High": "warning", "Medium": "info"}
MOST_MARKED = 500


def read(call: Call) -> str:
    notices.mark_read([call.object.pk], principal=call.principal)
    return "Marked as read."


READ = Verb(
    "read", "Mark as read", "It is not counted for you any more. Others still see it as new.", read, "view", "none"
)


class ReadingFilter(RadioFilter):
    title = "read by you"
    parameter_name = "reading"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("unread", "Not yet, and still open"), ("read", "Read")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        reader = principal_of(request).staff_pk
        if self.value() == "unread":
            return queryset.exclude(reads__user=reader).filter(noticed.waiting())
        return queryset.filter(reads__user=reader) if self.value() == "read" else queryset


@admin.register(Notice)
class NoticeAdmin(VerbsMixin, BigTable, ReadOnlyAdmin):
    list_display = ["shown_reason", "about", "shown_severity", "state", "reading", "tenant_id", "made"]
    list_filter = [
        ReadingFilter,
        TenantFilter,
        ("severity", ChoicesDropdownFilter),
        ("reason", ChoicesDropdownFilter),
    ]
    list_select_related = ["conflict"]
    search_fields = ["conflict__key", "title"]
    search_help_text = "Part of the key or title"
    ordering = ["-created_at"]
    fields = ["shown_reason", "about", ("shown_severity", "state"), ("made", "due"), "reading"]
    readonly_fields = ["shown_reason", "about", "shown_severity", "state", "made", "due", "reading"]
    actions = ["mark_read"]
    verbs = (READ,)
    change_form_template = "hub/verb_page.html"

    def in_reach(self, rows: QuerySet[Any], principal: Principal) -> QuerySet[Any]:
        """Those meant for everybody, and those for the user that looks."""
        mine = NoticeRead.objects.filter(notice=OuterRef("pk"), user=principal.staff_pk)
        reached: Any = super().in_reach(rows, principal)
        meant: QuerySet[Any] = reached.meant_for(principal.staff_pk).annotate(was_read=Exists(mine))
        waits = Case(When(noticed.waiting(), then=Value(True)), default=Value(False))
        shown: QuerySet[Any] = meant.annotate(waits=waits)
        return shown

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """A notice names what it is about: it is for those who may see that."""
        allowed = [one.name for one in noticed.every() if request.user.has_perm(one.permission)]
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.filter(subject__in=allowed)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        notice = self.get_object(request, object_id)
        buttons = self.buttons(request, notice) if notice is not None and not notice.was_read else []
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "buttons": buttons})

    @action(description="Mark as read", permissions=["view"])
    def mark_read(self, request: HttpRequest, queryset: QuerySet[Notice]) -> None:
        chosen = queryset.values_list("pk", flat=True)[:MOST_MARKED]
        count = notices.mark_read(list(chosen), principal=principal_of(request))
        messages.success(request, f"{count} marked as read.")

    @display(description="What", ordering="reason")
    def shown_reason(self, notice: Notice) -> str:
        return str(notice.get_reason_display())

    @display(description="About")
    def about(self, notice: Notice) -> SafeString:
        address = noticed.thing(notice.subject).path(notice.thing_id)
        return format_html('<a class="hub-link" href="{}">{}</a>', address, text_cell(notice.about, 60))

    @display(description="Severity", ordering="severity", label=SEVERITIES)
    def shown_severity(self, notice: Notice) -> str:
        return str(notice.get_severity_display())

    @display(description="It is", label={"Open": "warning", "Resolved": "success", "Over": "success"})
    def state(self, notice: Any) -> str:
        if notice.conflict is not None:
            return str(notice.conflict.get_status_display())
        return "Open" if notice.waits else "Over"

    @display(description="You", label={"unread": "info"})
    def reading(self, notice: Any) -> str:
        return "read" if notice.was_read else "unread"

    @display(description="Made", ordering="created_at")
    def made(self, notice: Notice) -> SafeString:
        return moment_cell(notice.created_at)

    @display(description="Due")
    def due(self, notice: Notice) -> SafeString:
        found = noticed.thing(notice.subject).about([notice.thing_id]).get(notice.thing_id)
        return moment_cell(found.due_at if found else None, "no time set")


@admin.register(NoticeRead)
class NoticeReadAdmin(BigTable, ReadOnlyAdmin):
    """Who has read what: to see whether anybody knows."""

    list_display = ["about", "user", "when", "tenant_id"]
    list_filter = [TenantFilter]
    list_select_related = ["notice__conflict", "user"]
    ordering = ["-pk"]
    fields = ["about", "user", "when"]
    readonly_fields = ["about", "when"]

    @display(description="Notice about")
    def about(self, row: NoticeRead) -> SafeString:
        return text_cell(row.notice.about, 60)

    @display(description="Read", ordering="read_at")
    def when(self, row: NoticeRead) -> SafeString:
        return moment_cell(row.read_at)
