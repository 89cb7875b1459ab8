"""What agents did, in the admin: operations with the guidance that they were given, and the history of work."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RadioFilter, RangeDateTimeFilter
from unfold.decorators import display

from memoryhub.access import texts
from memoryhub.access.admin.cells import json_cell, moment_cell, prose_cell, text_cell
from memoryhub.access.admin.filters import TenantFilter, exactly
from procedures_app.admin import compliance, operation_page
from procedures_app.admin.knowledge_records import RecordAdmin, YesOrNo
from procedures_app.admin.links import link
from procedures_app.models import Operation, WorkRecord

OUTCOMES = {"Succeeded": "success", "Failed": "danger", "Under way": "info", "Abandoned": "warning"}
MODES = {"Strict": "danger", "Advise": "info", "Off": "default"}


def duration(milliseconds: int | None) -> str:
    """``340 ms``, ``4.2 s``, ``3 minutes``."""
    if milliseconds is None:
        return texts.NOTHING
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    if milliseconds < 60_000:
        return f"{milliseconds / 1000:.1f} s"
    return texts.span_words(operation_page.span(milliseconds))


def agent_cell(row: Any) -> SafeString:
    return format_html(
        '{}<span class="hub-below">{}</span>', text_cell(row.agent_id or "no agent", 30), text_cell(row.tenant_id, 30)
    )


@admin.register(Operation)
class OperationAdmin(RecordAdmin):
    empty_says = "Agents begin one before they work: POST /memory/operations/begin."
    listed = [
        "task",
        "kind",
        "agent_id",
        "tenant_id",
        "mode",
        "confidence",
        "procedure",
        "status",
        "begun_at",
        "finished_at",
        "expires_at",
    ]
    list_display = ["what", "who", "shown_status", "shown_mode", "shown_confidence", "shown_procedure", "begun"]
    list_filter = [
        TenantFilter,
        ("status", ChoicesDropdownFilter),
        ("mode", ChoicesDropdownFilter),
        exactly("kind", "kind"),
        exactly("agent_id", "agent"),
        exactly("task_id", "task id"),
        exactly("session_id", "session"),
        ("begun_at", RangeDateTimeFilter),
    ]
    search_fields = ["task"]
    search_help_text = "Words of the task"
    ordering = ["-pk"]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.compliance_view)
        return [path("compliance/", view, name="procedures_app_operation_compliance"), *super().get_urls()]

    def compliance_view(self, request: HttpRequest) -> HttpResponse:
        return compliance.page(request, self.admin_site.each_context(request))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        operation = self.get_object(request, object_id)
        if operation is None or not self.has_view_permission(request, operation):
            raise Http404
        context = {
            **self.admin_site.each_context(request),
            **operation_page.context(operation, request),
            "lasted": duration(operation.duration_ms),
            "opts": self.opts,
            "original": operation,
            "title": texts.spelled_out(operation.task[:120]),
        }
        return TemplateResponse(request, "procedures/operation.html", context)

    @display(description="Task")
    def what(self, operation: Operation) -> SafeString:
        return format_html(
            '{}<span class="hub-below">{}</span>', text_cell(operation.task, 90), text_cell(operation.kind, 40)
        )

    @display(description="Agent", ordering="agent_id")
    def who(self, operation: Operation) -> SafeString:
        return agent_cell(operation)

    @display(description="State", ordering="status", label=OUTCOMES)
    def shown_status(self, operation: Operation) -> str:
        return str(operation.get_status_display())

    @display(description="Enforced", ordering="mode", label=MODES)
    def shown_mode(self, operation: Operation) -> str:
        return str(operation.get_mode_display())

    @display(description="Confidence", ordering="confidence")
    def shown_confidence(self, operation: Operation) -> str:
        return f"{operation.confidence:.0%}"

    @display(description="Procedure", ordering="procedure")
    def shown_procedure(self, operation: Operation) -> SafeString:
        return text_cell(operation.procedure or texts.NOTHING, 40)

    @display(description="Begun", ordering="begun_at")
    def begun(self, operation: Operation) -> SafeString:
        return moment_cell(operation.begun_at)


class ConsultedFilter(RadioFilter):
    title = "consulted"
    parameter_name = "consulted"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Within an operation"), ("no", "Without consulting")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() in ("yes", "no"):
            return queryset.filter(operation__isnull=self.value() == "no")
        return queryset


class SucceededFilter(YesOrNo):
    title = "outcome"
    parameter_name = column = "success"
    words = (("yes", "Succeeded"), ("no", "Failed"), ("open", "Not said"))


@admin.register(WorkRecord)
class WorkRecordAdmin(RecordAdmin):
    empty_says = "Finished operations are written down here, and what agents send to POST /memory/work-history."
    listed = ["action", "kind", "agent_id", "tenant_id", "operation", "success", "duration_ms", "created_at"]
    list_display = ["what", "who", "outcome", "consulted", "lasted", "when"]
    list_filter = [
        TenantFilter,
        ConsultedFilter,
        SucceededFilter,
        exactly("kind", "kind"),
        exactly("agent_id", "agent"),
        exactly("task_id", "task id"),
        ("created_at", RangeDateTimeFilter),
    ]
    search_fields = ["action"]
    search_help_text = "Words of what was done"
    ordering = ["-pk"]
    fields = [
        "whole",
        ("kind", "outcome", "lasted"),
        ("who", "when"),
        ("task_id", "user_id", "session_id"),
        "of_operation",
        "shown_error",
        "shown_input",
        "shown_output",
        "input_digest",
    ]
    readonly_fields = [
        "whole",
        "outcome",
        "lasted",
        "who",
        "when",
        "of_operation",
        "shown_error",
        "shown_input",
        "shown_output",
    ]

    @display(description="Work")
    def what(self, work: WorkRecord) -> SafeString:
        return format_html('{}<span class="hub-below">{}</span>', text_cell(work.action, 90), text_cell(work.kind, 40))

    @display(description="Agent", ordering="agent_id")
    def who(self, work: WorkRecord) -> SafeString:
        return agent_cell(work)

    @display(description="Outcome", label={"succeeded": "success", "failed": "danger", "not said": "default"})
    def outcome(self, work: WorkRecord) -> str:
        return "not said" if work.success is None else "succeeded" if work.success else "failed"

    @display(description="Consulted", label={"yes": "success", "no": "warning"})
    def consulted(self, work: WorkRecord) -> str:
        return "yes" if work.operation_id else "no"

    @display(description="Took", ordering="duration_ms")
    def lasted(self, work: WorkRecord) -> str:
        return duration(work.duration_ms)

    @display(description="When", ordering="created_at")
    def when(self, work: WorkRecord) -> SafeString:
        return moment_cell(work.created_at)

    @display(description="What was done")
    def whole(self, work: WorkRecord) -> SafeString:
        return prose_cell(work.action)

    @display(description="Operation")
    def of_operation(self, work: WorkRecord) -> SafeString:
        return link(work.operation) if work.operation_id else text_cell("none: done without consulting")

    @display(description="Error")
    def shown_error(self, work: WorkRecord) -> SafeString:
        return prose_cell(work.error_message, "none")

    @display(description="Input")
    def shown_input(self, work: WorkRecord) -> SafeString:
        return json_cell(work.input)

    @display(description="Output")
    def shown_output(self, work: WorkRecord) -> SafeString:
        return json_cell(work.output)
