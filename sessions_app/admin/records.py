"""Messages, tasks, hand-offs, snapshots and decisions across sessions: looked at, never edited."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RadioFilter, RangeDateTimeFilter
from unfold.decorators import display

from memoryhub.access.admin.base import BigTable, ListedColumns, ReadOnlyAdmin, VisibleRows
from memoryhub.access.admin.cells import json_cell, moment_cell, prose_cell, text_cell
from memoryhub.access.admin.filters import TenantFilter, exactly
from memoryhub.access.admin.verbs import VerbsMixin
from sessions_app.admin.session_verbs import HANDOFF_VERBS
from sessions_app.models import ContextSnapshot, Decision, Handoff, Message, Session, Task


def session_link(session: Session) -> SafeString:
    address = reverse("admin:sessions_app_session_change", args=[session.pk])
    return format_html('<a class="hub-link" href="{}">{}</a>', address, text_cell(session.session_id, 40))


class RecordAdmin(ListedColumns, BigTable, VisibleRows, ReadOnlyAdmin):
    """Lists read only the columns that they show."""


class OfSessionAdmin(RecordAdmin):
    parents = {"session": ["session_id"]}

    @display(description="Session")
    def of_session(self, record: Any) -> SafeString:
        return session_link(record.session)

    @display(description="Made", ordering="created_at")
    def made(self, record: Any) -> SafeString:
        return moment_cell(record.created_at)

    @display(description="Metadata")
    def shown_metadata(self, record: Any) -> SafeString:
        return json_cell(record.metadata)


@admin.register(Message)
class MessageAdmin(OfSessionAdmin):
    list_display = ["number", "of_session", "speaker", "begins", "tenant_id", "said"]
    list_filter = [
        TenantFilter,
        ("role", ChoicesDropdownFilter),
        exactly("name", "speaker"),
        ("at", RangeDateTimeFilter),
    ]
    search_fields = ["content"]
    search_help_text = "Words of the message"
    ordering = ["-pk"]
    listed = ["sequence", "session", "role", "name", "content", "tenant_id", "at"]
    fields = ["of_session", ("number", "speaker", "author"), ("said", "made"), "shown_content", "shown_metadata"]
    readonly_fields = ["of_session", "number", "speaker", "said", "made", "shown_content", "shown_metadata"]

    @display(description="Number", ordering="sequence")
    def number(self, message: Message) -> str:
        return f"#{message.sequence}"

    @display(description="Speaker", ordering="role")
    def speaker(self, message: Message) -> SafeString:
        if not message.name:
            return text_cell(message.get_role_display())
        return format_html(
            '{} <span class="hub-subtle">{}</span>', text_cell(message.name, 30), message.get_role_display()
        )

    @display(description="Text")
    def begins(self, message: Message) -> SafeString:
        return text_cell(message.content, 90)

    @display(description="Said", ordering="at")
    def said(self, message: Message) -> SafeString:
        return moment_cell(message.at)

    @display(description="Text")
    def shown_content(self, message: Message) -> SafeString:
        return prose_cell(message.content)


@admin.register(Task)
class TaskAdmin(OfSessionAdmin):
    list_display = ["shown_id", "what", "of_session", "shown_status", "priority", "assigned_agent", "tenant_id", "made"]
    list_filter = [
        TenantFilter,
        ("status", ChoicesDropdownFilter),
        exactly("assigned_agent", "agent"),
        exactly("priority", "priority"),
    ]
    search_fields = ["task_id", "description"]
    search_help_text = "Id or words of the task"
    ordering = ["-pk"]
    listed = [
        "task_id",
        "description",
        "session",
        "status",
        "priority",
        "assigned_agent",
        "tenant_id",
        "created_at",
    ]
    fields = [
        "of_session",
        ("shown_id", "shown_status", "priority", "assigned_agent"),
        "what",
        ("made", "changed", "finished"),
        "shown_result",
        "shown_metadata",
    ]
    readonly_fields = [
        "of_session",
        "shown_id",
        "shown_status",
        "what",
        "made",
        "changed",
        "finished",
        "shown_result",
        "shown_metadata",
    ]

    @display(description="Task", ordering="task_id")
    def shown_id(self, task: Task) -> SafeString:
        return text_cell(task.task_id, 40)

    @display(description="What")
    def what(self, task: Task) -> SafeString:
        return text_cell(task.description, 120)

    @display(
        description="Status",
        ordering="status",
        label={"Completed": "success", "Blocked": "warning", "In progress": "info", "Cancelled": "danger"},
    )
    def shown_status(self, task: Task) -> str:
        return str(task.get_status_display())

    @display(description="Changed")
    def changed(self, task: Task) -> SafeString:
        return moment_cell(task.updated_at)

    @display(description="Finished")
    def finished(self, task: Task) -> SafeString:
        return moment_cell(task.completed_at)

    @display(description="Result")
    def shown_result(self, task: Task) -> SafeString:
        return json_cell(task.result)


class ReturnedFilter(RadioFilter):
    title = "came back"
    parameter_name = "returned"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Came back, session still open")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        back = Q(status__in=[Handoff.Status.REJECTED, Handoff.Status.TIMED_OUT], session__status=Session.Status.ACTIVE)
        return queryset.filter(back) if self.value() == "open" else queryset


@admin.register(Handoff)
class HandoffAdmin(VerbsMixin, OfSessionAdmin):
    list_display = ["who", "of_session", "shown_status", "why", "tenant_id", "made", "answered"]
    list_filter = [
        TenantFilter,
        ReturnedFilter,
        ("status", ChoicesDropdownFilter),
        exactly("to_agent", "receiver"),
        exactly("from_agent", "giver"),
    ]
    search_fields = ["session__session_id", "handoff_reason"]
    search_help_text = "Session id or reason"
    ordering = ["-pk"]
    listed = [
        "from_agent",
        "to_agent",
        "session",
        "status",
        "handoff_reason",
        "tenant_id",
        "created_at",
        "answered_at",
        "answer_reason",
    ]
    fields = [
        "of_session",
        ("who", "shown_status"),
        ("made", "times_out", "answered"),
        "why",
        "shown_answer",
        "shown_instructions",
        "shown_package",
        "checksum",
    ]
    readonly_fields = [
        "of_session",
        "who",
        "shown_status",
        "made",
        "times_out",
        "answered",
        "why",
        "shown_answer",
        "shown_instructions",
        "shown_package",
    ]
    verbs = HANDOFF_VERBS
    change_form_template = "hub/verb_page.html"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        handoff = self.get_object(request, object_id)
        buttons = self.buttons(request, handoff) if handoff is not None else []
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "buttons": buttons})

    @display(description="From and to", ordering="to_agent")
    def who(self, handoff: Handoff) -> SafeString:
        return format_html("{} → {}", text_cell(handoff.from_agent or "nobody", 30), text_cell(handoff.to_agent, 30))

    @display(
        description="Status",
        ordering="status",
        label={"Accepted": "success", "Pending": "warning", "Rejected": "danger", "Timed out": "danger"},
    )
    def shown_status(self, handoff: Handoff) -> str:
        return str(handoff.get_status_display())

    @display(description="Why")
    def why(self, handoff: Handoff) -> SafeString:
        return text_cell(handoff.handoff_reason, 160)

    @display(description="Answered", ordering="answered_at")
    def answered(self, handoff: Handoff) -> SafeString:
        return moment_cell(handoff.answered_at, "not yet")

    @display(description="Answer")
    def shown_answer(self, handoff: Handoff) -> SafeString:
        return prose_cell(handoff.answer_reason)

    @display(description="Times out")
    def times_out(self, handoff: Handoff) -> SafeString:
        return moment_cell(handoff.times_out_at)

    @display(description="Instructions")
    def shown_instructions(self, handoff: Handoff) -> SafeString:
        return prose_cell(handoff.continuation_instructions)

    @display(description="Package")
    def shown_package(self, handoff: Handoff) -> SafeString:
        return json_cell(handoff.package)


@admin.register(ContextSnapshot)
class SnapshotAdmin(RecordAdmin):
    list_display = [
        "shown_type",
        "shown_session",
        "shown_importance",
        "shown_tags",
        "author",
        "tenant_id",
        "taken",
        "ends",
    ]
    list_filter = [
        TenantFilter,
        ("context_type", ChoicesDropdownFilter),
        exactly("session_id", "session"),
        ("timestamp", RangeDateTimeFilter),
    ]
    search_fields = ["=session_id", "author"]
    search_help_text = "A whole session id, or an author"
    ordering = ["-pk"]
    listed = ["context_type", "session_id", "importance", "tags", "author", "tenant_id", "timestamp", "expires_at"]
    fields = [
        ("shown_type", "shown_importance", "author"),
        ("shown_session", "shown_tags"),
        ("taken", "ends"),
        "shown_data",
    ]
    readonly_fields = ["shown_type", "shown_importance", "shown_session", "shown_tags", "taken", "ends", "shown_data"]

    @display(description="Type", ordering="context_type", label={"Error": "danger", "Decision": "info"})
    def shown_type(self, snapshot: ContextSnapshot) -> str:
        return str(snapshot.get_context_type_display())

    @display(description="Session", ordering="session_id")
    def shown_session(self, snapshot: ContextSnapshot) -> SafeString:
        return text_cell(snapshot.session_id, 40)

    @display(description="Importance", ordering="importance")
    def shown_importance(self, snapshot: ContextSnapshot) -> str:
        return f"{snapshot.importance} of 10"

    @display(description="Tags")
    def shown_tags(self, snapshot: ContextSnapshot) -> SafeString:
        return text_cell(", ".join(snapshot.tags) or "—", 60)

    @display(description="Taken", ordering="timestamp")
    def taken(self, snapshot: ContextSnapshot) -> SafeString:
        return moment_cell(snapshot.timestamp)

    @display(description="Ends", ordering="expires_at")
    def ends(self, snapshot: ContextSnapshot) -> SafeString:
        return moment_cell(snapshot.expires_at, "never")

    @display(description="Context")
    def shown_data(self, snapshot: ContextSnapshot) -> SafeString:
        return json_cell(snapshot.context_data)


@admin.register(Decision)
class DecisionAdmin(RecordAdmin):
    list_display = ["shown_title", "shown_decision", "shown_session", "author", "tenant_id", "made"]
    list_filter = [
        TenantFilter,
        exactly("session_id", "session"),
        exactly("author", "author"),
        ("created_at", RangeDateTimeFilter),
    ]
    search_fields = ["title", "decision", "rationale"]
    search_help_text = "Words of the decision"
    ordering = ["-pk"]
    listed = ["title", "decision", "session_id", "author", "tenant_id", "created_at"]
    fields = [
        ("shown_session", "author", "made"),
        "full_title",
        "full_decision",
        "shown_rationale",
        "shown_alternatives",
        "shown_metadata",
    ]
    readonly_fields = [
        "shown_session",
        "made",
        "full_title",
        "full_decision",
        "shown_rationale",
        "shown_alternatives",
        "shown_metadata",
    ]

    @display(description="Decision", ordering="title")
    def shown_title(self, decision: Decision) -> SafeString:
        return text_cell(decision.title, 60)

    @display(description="What")
    def shown_decision(self, decision: Decision) -> SafeString:
        return text_cell(decision.decision, 90)

    @display(description="Session", ordering="session_id")
    def shown_session(self, decision: Decision) -> SafeString:
        return text_cell(decision.session_id or "—", 40)

    @display(description="Made", ordering="created_at")
    def made(self, decision: Decision) -> SafeString:
        return moment_cell(decision.created_at)

    @display(description="Title")
    def full_title(self, decision: Decision) -> SafeString:
        return prose_cell(decision.title)

    @display(description="What was decided")
    def full_decision(self, decision: Decision) -> SafeString:
        return prose_cell(decision.decision)

    @display(description="Why")
    def shown_rationale(self, decision: Decision) -> SafeString:
        return prose_cell(decision.rationale)

    @display(description="Alternatives")
    def shown_alternatives(self, decision: Decision) -> SafeString:
        return json_cell(decision.alternatives)

    @display(description="Metadata")
    def shown_metadata(self, decision: Decision) -> SafeString:
        return json_cell(decision.metadata)
