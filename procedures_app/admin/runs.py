"""Runs in the admin: the list, the page that follows one while it goes on, and what happened in all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import display

from memoryhub.access.admin.base import BigTable, ListedColumns, ReadOnlyAdmin, VisibleRows
from memoryhub.access.admin.cells import code_cell, json_cell, moment_cell, text_cell
from memoryhub.access.admin.filters import TenantFilter, exactly
from memoryhub.access.admin.verbs import VerbsMixin
from memoryhub.registry.admin.entry_page import sees
from procedures_app.admin import run_list, run_page
from procedures_app.admin.links import page_of
from procedures_app.admin.run_verbs import VERBS
from procedures_app.models import Procedure, Run, RunEvent, StepRun
from procedures_app.templatetags.runs import event_words

STATES = {
    "In progress": "info", "Done": "success", "Failed": "danger", "Waiting for a person": "warning",
    "Skipped with approval": "warning", "Done otherwise with approval": "warning",
}  # fmt: skip


@admin.register(Run)
class RunAdmin(VerbsMixin, VisibleRows, ReadOnlyAdmin):
    verbs = VERBS

    def get_urls(self) -> list[URLPattern]:
        live = self.admin_site.admin_view(require_safe(self.live_view))
        return [path("<uuid:object_id>/live/", live, name="procedures_app_run_live"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {**self.admin_site.each_context(request), **run_list.context(request)}
        return TemplateResponse(request, "procedures/runs.html", {**context, "opts": self.opts, "title": "Runs"})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        run = self.found(request, object_id)
        context = {**self.admin_site.each_context(request), **self.parts(request, run), "original": run}
        return TemplateResponse(request, "procedures/run.html", {**context, "opts": self.opts, "title": "Run"})

    def live_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """The parts of the page that change; 204 while the run is at the version that the page has."""
        run = self.found(request, object_id)
        if request.GET.get("version") == run_page.state_of(run):
            return HttpResponse(status=204)
        return TemplateResponse(request, "procedures/run_parts.html", self.parts(request, run))

    def found(self, request: HttpRequest, object_id: UUID | str) -> Run:
        run = self.get_object(request, str(object_id))
        if not self.has_view_permission(request):
            raise PermissionDenied
        if not isinstance(run, Run):
            raise Http404
        return run

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.select_related("procedure", "procedure_version", "operation", "parent__run__procedure")

    def parts(self, request: HttpRequest, run: Run) -> dict[str, Any]:
        """For ``procedures/run_parts.html``."""
        return {
            "run": run,
            "shown": run_page.shown(run),
            "buttons": self.buttons(request, run),
            "may_decide": request.user.has_perm("procedures_app.change_approval"),
            "sees_approvals": sees(request, "procedures_app.view_approval"),
            "sees_operation": sees(request, "procedures_app.view_operation"),
            "procedure_page": page_of(run.procedure) if sees(request, "procedures_app.view_procedure") else "",
        }


class OfRun(ListedColumns):
    """Mix-in for what belongs to a run: lists name its procedure, which is read after the page."""

    def parents_shown(self) -> Iterator[Any]:
        procedures = Prefetch("procedure", Procedure.objects.only("name"))
        yield Prefetch("run", Run.objects.only("procedure").prefetch_related(procedures))

    @display(description="Run")
    def of_run(self, row: StepRun | RunEvent) -> SafeString:
        address, name, number = page_of(row.run), text_cell(row.run.procedure.name, 60), str(row.run_id)[-12:]
        return format_html(
            '<a class="hub-link" href="{}">{}</a><span class="hub-below">…{}</span>', address, name, number
        )


@admin.register(StepRun)
class StepRunAdmin(OfRun, BigTable, ReadOnlyAdmin):
    """Steps of all runs, to look one up; they are read in their order on the page of their run."""

    empty_says = "A run has one for each step of its procedure. Agents start runs: POST /memory/runs."
    listed = ["step_id", "position", "status", "attempts", "lease_agent", "done_by", "tenant_id", "started_at", "run"]
    list_display = ["step", "of_run", "state", "attempts", "who", "tenant_id", "began"]
    list_filter = [TenantFilter, "status", exactly("step_id", "step"), exactly("done_by", "done by")]
    search_fields = ["=step_id", "=run__id"]
    search_help_text = "A whole step id, or the id of a run"
    ordering = ["-pk"]
    fields = [
        ("step", "of_run"),
        ("state", "attempts", "late"),
        ("who", "lease_expires_at", "deadline_at"),
        ("began", "ended"),
        "shown_evidence",
        "shown_output",
        "shown_error",
    ]
    readonly_fields = [
        "step",
        "of_run",
        "state",
        "who",
        "began",
        "ended",
        "shown_evidence",
        "shown_output",
        "shown_error",
    ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Called as in the sidebar."""
        return super().changelist_view(request, {"title": "Steps of runs", **(extra_context or {})})

    @display(description="Step", ordering="step_id")
    def step(self, step: StepRun) -> SafeString:
        return text_cell(f"{step.position}. {step.step_id}", 60)

    @display(description="State", ordering="status", label=STATES)
    def state(self, step: StepRun) -> str:
        return str(step.get_status_display())

    @display(description="Who")
    def who(self, step: StepRun) -> SafeString:
        return text_cell(step.done_by or step.lease_agent or "—", 40)

    @display(description="Began", ordering="started_at")
    def began(self, step: StepRun) -> SafeString:
        return moment_cell(step.started_at, "not yet")

    @display(description="Ended")
    def ended(self, step: StepRun) -> SafeString:
        return moment_cell(step.finished_at, "not yet")

    @display(description="Evidence")
    def shown_evidence(self, step: StepRun) -> SafeString:
        return json_cell(step.evidence)

    @display(description="Output")
    def shown_output(self, step: StepRun) -> SafeString:
        return json_cell(step.output)

    @display(description="Error")
    def shown_error(self, step: StepRun) -> SafeString:
        return text_cell(step.error or "none", 2000)


@admin.register(RunEvent)
class RunEventAdmin(OfRun, BigTable, ReadOnlyAdmin):
    """What happened in all runs, the latest first."""

    empty_says = "Whatever happens in a run is written down here."
    listed = ["number", "event", "step_id", "actor", "tenant_id", "at", "run"]
    list_display = ["what", "of_run", "step", "by", "tenant_id", "when"]
    list_filter = [TenantFilter, exactly("event", "event"), exactly("actor", "actor"), ("at", RangeDateTimeFilter)]
    search_fields = ["=event", "=actor", "=run__id"]
    search_help_text = "A whole event such as step.refused, an actor, or the id of a run"
    ordering = ["-pk"]
    fields = [("what", "code"), ("of_run", "number"), ("step", "by"), "when", "shown_detail"]
    readonly_fields = ["what", "code", "of_run", "step", "by", "when", "shown_detail"]

    @display(description="What", ordering="event")
    def what(self, event: RunEvent) -> SafeString:
        return text_cell(event_words(event.event), 60)

    @display(description="Code")
    def code(self, event: RunEvent) -> SafeString:
        return code_cell(event.event)

    @display(description="Step", ordering="step_id")
    def step(self, event: RunEvent) -> SafeString:
        return text_cell(event.step_id or "—", 40)

    @display(description="By", ordering="actor")
    def by(self, event: RunEvent) -> SafeString:
        return text_cell(event.actor or "the hub", 40)

    @display(description="When", ordering="at")
    def when(self, event: RunEvent) -> SafeString:
        return moment_cell(event.at)

    @display(description="Detail")
    def shown_detail(self, event: RunEvent) -> SafeString:
        return json_cell(event.detail)
