"""The procedure desk: procedures are written, compared, published and retired here; versions and steps are records."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesCheckboxFilter
from unfold.decorators import display

from memoryhub.access.admin.base import BigTable, ReadOnlyAdmin
from memoryhub.access.admin.cells import json_cell, moment_cell, prose_cell, text_cell
from memoryhub.access.admin.filters import TenantFilter
from memoryhub.access.admin.verbs import VerbsMixin
from procedures_app.admin.desk_editor import EditorViews
from procedures_app.admin.desk_imports import ImportViews
from procedures_app.admin.desk_list import ListViews
from procedures_app.admin.desk_publish import PublishViews
from procedures_app.admin.desk_versions import ACTIVATE, DISCARD, RETIRE, VersionViews
from procedures_app.models import Procedure, ProcedureStep, ProcedureVersion


@admin.register(Procedure)
class ProcedureAdmin(ListViews, VersionViews, EditorViews, ImportViews, PublishViews, VerbsMixin, ReadOnlyAdmin):
    """Its pages are its own; nothing is saved but through the services of drafts and publishing."""

    search_fields = ["name", "current__title"]
    verbs = (RETIRE, ACTIVATE, DISCARD)

    def get_urls(self) -> list[URLPattern]:
        def page(address: str, view: str, name: str) -> URLPattern:
            shown = self.admin_site.admin_view(getattr(self, view))
            found: URLPattern = path(address, shown, name=f"procedures_app_procedure_{name}")
            return found

        own = [
            page("new/", "new_view", "new"),
            page("paste/", "paste_view", "paste"),
            page("import/", "import_view", "import"),
            page("install/", "install_view", "install"),
            page("<uuid:object_id>/draft/", "draft_view", "draft"),
            page("<uuid:object_id>/publish/", "publish_view", "publish"),
            page("<uuid:object_id>/rebase/", "rebase_view", "rebase"),
            page("<uuid:object_id>/versions/<int:number>/", "version_view", "version"),
            page("<uuid:object_id>/versions/<int:number>/start/", "start_view", "start"),
            page("<uuid:object_id>/compare/", "compare_view", "compare"),
            page("<uuid:object_id>/export/", "export_view", "export"),
        ]
        return own + super().get_urls()

    def may_change(self, request: HttpRequest, found: Model) -> bool:
        return self.may_edit(request)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: object = None) -> HttpResponse:
        return self.new_view(request)


@admin.register(ProcedureVersion)
class ProcedureVersionAdmin(BigTable, ReadOnlyAdmin):
    """Every wording that there was, discarded drafts too."""

    list_display = ["shown_title", "number", "shown_status", "based_on", "author", "shown_published", "tenant_id"]
    list_filter = [("status", ChoicesCheckboxFilter), TenantFilter]
    list_select_related = ["procedure"]
    search_fields = ["title", "procedure__name", "note"]
    search_help_text = "Title, name of the procedure or note"
    ordering = ["-created_at"]
    fields = [
        ("procedure", "number", "shown_status"),
        ("based_on", "revision", "author"),
        ("shown_created", "shown_published", "published_by"),
        "shown_note",
        "shown_summary",
        ("kind", "shown_tags"),
        "shown_inputs",
        "shown_preconditions",
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return [name for line in self.fields for name in (line if isinstance(line, tuple) else (line,))]

    @display(description="Title", ordering="title")
    def shown_title(self, version: ProcedureVersion) -> SafeString:
        return text_cell(version.title or version.procedure.name, 90)

    @display(
        description="State",
        ordering="status",
        label={"published": "success", "draft": "warning", "discarded": "default"},
    )
    def shown_status(self, version: ProcedureVersion) -> str:
        return version.status

    @display(description="Published", ordering="published_at")
    def shown_published(self, version: ProcedureVersion) -> SafeString:
        return moment_cell(version.published_at, "not published")

    @display(description="Begun")
    def shown_created(self, version: ProcedureVersion) -> SafeString:
        return moment_cell(version.created_at)

    @display(description="Note")
    def shown_note(self, version: ProcedureVersion) -> SafeString:
        return prose_cell(version.note)

    @display(description="When to follow it")
    def shown_summary(self, version: ProcedureVersion) -> SafeString:
        return prose_cell(version.summary)

    @display(description="Tags")
    def shown_tags(self, version: ProcedureVersion) -> SafeString:
        return text_cell(", ".join(map(str, version.tags)) or "—")

    @display(description="Inputs")
    def shown_inputs(self, version: ProcedureVersion) -> SafeString:
        return json_cell(version.inputs)

    @display(description="Preconditions")
    def shown_preconditions(self, version: ProcedureVersion) -> SafeString:
        return json_cell(version.preconditions)


@admin.register(ProcedureStep)
class ProcedureStepAdmin(BigTable, ReadOnlyAdmin):
    list_display = ["shown_title", "position", "kind", "shown_version", "on_failure", "max_attempts", "tenant_id"]
    list_filter = [("kind", ChoicesCheckboxFilter), ("on_failure", ChoicesCheckboxFilter), TenantFilter]
    list_select_related = ["version"]
    search_fields = ["title", "step_id", "version__title"]
    search_help_text = "Title or id of the step, or title of the procedure"
    ordering = ["-version__created_at", "position"]
    fields = [
        ("version", "position", "step_id"),
        ("kind", "on_failure", "max_attempts", "time_limit_seconds"),
        "shown_instruction",
        "shown_agents",
        "shown_config",
        "shown_evidence",
        "shown_preconditions",
        "shown_rollback",
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return [name for line in self.fields for name in (line if isinstance(line, tuple) else (line,))]

    @display(description="Step", ordering="title")
    def shown_title(self, step: ProcedureStep) -> SafeString:
        return text_cell(step.title or step.step_id, 90)

    @display(description="Version")
    def shown_version(self, step: ProcedureStep) -> SafeString:
        return text_cell(step.version, 90)

    @display(description="Instruction")
    def shown_instruction(self, step: ProcedureStep) -> SafeString:
        return prose_cell(step.instruction)

    @display(description="Only these agents")
    def shown_agents(self, step: ProcedureStep) -> SafeString:
        return text_cell(", ".join(map(str, step.agents)) or "any agent")

    @display(description="What its kind needs")
    def shown_config(self, step: ProcedureStep) -> SafeString:
        return json_cell(step.config)

    @display(description="Evidence")
    def shown_evidence(self, step: ProcedureStep) -> SafeString:
        return json_cell(step.evidence)

    @display(description="Preconditions")
    def shown_preconditions(self, step: ProcedureStep) -> SafeString:
        return json_cell(step.preconditions)

    @display(description="Roll-back")
    def shown_rollback(self, step: ProcedureStep) -> SafeString:
        return json_cell(step.rollback)
