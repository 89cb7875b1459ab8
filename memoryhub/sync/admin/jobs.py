"""Jobs, their runs, and signs of life. All read-only: the register of jobs is code."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import path, reverse
from django.utils import timezone
from django.views.generic import TemplateView
from django_q.models import Failure, OrmQ, Schedule, Success
from unfold.contrib.filters.admin import ChoicesCheckboxFilter, DropdownFilter
from unfold.decorators import action, display
from unfold.views import UnfoldModelAdminViewMixin

from memoryhub.access.admin.base import ReadOnlyAdmin
from memoryhub.access.admin.records import as_json
from memoryhub.sync import jobs
from memoryhub.sync.admin.lists import CappedPaginator
from memoryhub.sync.models import Heartbeat, JobRun
from memoryhub.sync.selectors import job_states

OUTCOMES = {"running": "info", "done": "success", "failed": "danger", "lost": "warning"}

# The queue's own pages let their users name any function and unpickle arguments; a run's record says all that matters.
for model in (Schedule, Success, Failure, OrmQ):
    admin.site.unregister(model)


class JobFilter(DropdownFilter):
    title = "job"
    parameter_name = "job"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(job.name, job.name) for job in jobs.every()]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(job=self.value()) if self.value() else queryset


class JobsPage(UnfoldModelAdminViewMixin, TemplateView):
    title = "Jobs"
    template_name = "admin/sync/jobs.html"
    permission_required = "sync.view_jobrun"

    def get_context_data(self, **extra: Any) -> dict[str, Any]:
        context = super().get_context_data(**extra)
        runs = reverse("admin:sync_jobrun_changelist")
        return context | {"opts": JobRun._meta, "states": job_states(), "now": timezone.now(), "runs": runs}


@admin.register(JobRun)
class JobRunAdmin(ReadOnlyAdmin):
    list_display = ["started_at", "job", "shown_outcome", "duration", "summary", "error"]
    list_filter = [JobFilter, ("outcome", ChoicesCheckboxFilter)]
    fields = ["job", "shown_outcome", ("started_at", "finished_at"), "shown_did", "error"]
    readonly_fields = ["shown_outcome", "shown_did"]
    paginator = CappedPaginator
    actions_list = ["overview"]

    def get_urls(self) -> list[Any]:
        page = self.admin_site.admin_view(JobsPage.as_view(model_admin=self))
        return [path("overview/", page, name="sync_jobs"), *super().get_urls()]

    @action(description="All jobs", url_path="all-jobs", icon="schedule", permissions=["view"])
    def overview(self, request: HttpRequest) -> HttpResponseRedirect:
        return HttpResponseRedirect(reverse("admin:sync_jobs"))

    @display(description="Result", ordering="outcome", label=OUTCOMES)
    def shown_outcome(self, run: JobRun) -> str:
        return run.outcome

    @display(description="Took")
    def duration(self, run: JobRun) -> str:
        return run.duration

    @display(description="What it did")
    def summary(self, run: JobRun) -> str:
        return run.summary

    @display(description="What it did")
    def shown_did(self, run: JobRun) -> str:
        return as_json(run.did)


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnlyAdmin):
    list_display = ["name", "at", "age"]
    fields = [("name", "at", "age"), "shown_detail"]
    readonly_fields = ["age", "shown_detail"]

    @display(description="Age")
    def age(self, heartbeat: Heartbeat) -> str:
        return f"{(timezone.now() - heartbeat.at).total_seconds():.0f} s"

    @display(description="Details")
    def shown_detail(self, heartbeat: Heartbeat) -> str:
        return as_json(heartbeat.detail)
