"""The page of a procedure, its versions, comparisons of any two, and a draft begun from an old one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST

from memoryhub.access.admin.base import principal_of
from memoryhub.access.admin.verbs import Call, Verb
from memoryhub.access.exceptions import HubError
from procedures_app import documents, selectors_procedures
from procedures_app.admin.desk_changes import changes_of
from procedures_app.admin.desk_pages import DeskPages, acting, address
from procedures_app.exceptions import DraftStale
from procedures_app.models import Procedure, ProcedureVersion, Run
from procedures_app.selectors_procedures import Runs
from procedures_app.services import drafts, procedures

MOST_VERSIONS = 200
#: The file that a format makes: its ending and its type.
FORMATS = {"yaml": "application/yaml", "markdown": "text/markdown"}
ENDINGS = {"yaml": "yaml", "markdown": "md"}


class VersionViews(DeskPages):
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        procedure = self.found(request, object_id)
        principal = principal_of(request)
        draft, shown = self.draft_of(procedure), procedure.current
        newest = shown.number if shown else None
        read = with_steps(shown) if shown else draft
        context: dict[str, Any] = {
            "procedure": procedure,
            "version": shown,
            "document": procedures.document_of(read) if read else None,
            "draft": draft,
            "draft_changes": selectors_procedures.changes_between(with_steps(shown), draft) if shown and draft else [],
            "draft_behind": draft is not None and draft.based_on != newest,
            "versions": self.versions_of(procedure),
            "runs": selectors_procedures.runs_of([procedure], principal).get(procedure.pk, Runs()),
            "buttons": self.buttons(request, procedure),  # type: ignore[attr-defined]
        }
        title = shown.title if shown else (draft.title if draft else procedure.name)
        return self.shown(request, "procedures/procedure.html", title or procedure.name, **context)

    def versions_of(self, procedure: Procedure) -> list[ProcedureVersion]:
        published = ProcedureVersion.objects.filter(procedure=procedure, status="published")
        return list(published.order_by("-number")[:MOST_VERSIONS])

    def version_view(self, request: HttpRequest, object_id: UUID, number: int) -> HttpResponse:
        procedure = self.found(request, object_id)
        version = self.version_of(procedure, number)
        context: dict[str, Any] = {
            "procedure": procedure,
            "version": version,
            "document": procedures.document_of(version),
            "current": procedure.current,
            "draft": self.draft_of(procedure),
            "running": open_runs(version),
        }
        return self.shown(request, "procedures/version.html", f"Version {number} of {version.title}", **context)

    def compare_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Any two versions, or one with the draft; whichever was chosen first, the older one is the left one."""
        procedure = self.found(request, object_id)
        old, new = sorted(
            (self.named(procedure, request.GET.get(name, "")) for name in ("from", "to")),
            key=lambda version: version.number or 10**9,
        )
        changes = changes_of(documents.diff(procedures.document_of(old), procedures.document_of(new)))
        context: dict[str, Any] = {"procedure": procedure, "old": old, "new": new, "changes": changes}
        return self.shown(request, "procedures/compare.html", f"{name_of(old)} against {name_of(new)}", **context)

    def named(self, procedure: Procedure, asked: str) -> ProcedureVersion:
        if asked == "draft":
            draft = self.draft_of(procedure)
            if draft is None:
                raise Http404
            return draft
        if not asked.isdecimal() or len(asked) > 9:
            raise Http404
        return self.version_of(procedure, int(asked))

    @method_decorator(require_POST)
    def start_view(self, request: HttpRequest, object_id: UUID, number: int) -> HttpResponse:
        """A draft with the text of an old version. One that is there already is not overwritten."""
        procedure = self.to_edit(request, object_id)
        version = self.version_of(procedure, number)
        principal = acting(request, procedure.tenant_id)
        try:
            with transaction.atomic():
                drafts.save(procedure.name, procedures.document_of(version), principal=principal, if_revision=0)
        except DraftStale:
            messages.error(request, "There is a draft already. Publish or discard it first; nothing was changed.")
            return HttpResponseRedirect(address("change", procedure.pk))
        except HubError as error:
            messages.error(request, error.message)
            return HttpResponseRedirect(address("change", procedure.pk))
        messages.success(request, f"The draft has the text of version {number}.")
        return HttpResponseRedirect(address("draft", procedure.pk))

    def export_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """A version, or the draft, as a file."""
        procedure = self.found(request, object_id)
        form = request.GET.get("format", "yaml")
        newest = str(procedure.current.number) if procedure.current else "draft"
        version = self.named(procedure, request.GET.get("version") or newest)
        if form not in FORMATS:
            raise Http404
        text = documents.render(procedures.document_of(version), form)  # type: ignore[arg-type]
        answer = HttpResponse(text, content_type=f"{FORMATS[form]}; charset=utf-8")
        which = f"v{version.number}" if version.number else "draft"
        answer["Content-Disposition"] = f'attachment; filename="{procedure.name}-{which}.{ENDINGS[form]}"'
        return answer


def with_steps(version: ProcedureVersion) -> ProcedureVersion:
    """Read with its steps: a row that came along with another one has none yet."""
    found: ProcedureVersion = (
        ProcedureVersion.objects.select_related("procedure").prefetch_related("steps").get(pk=version.pk)
    )
    return found


def open_runs(version: ProcedureVersion) -> int:
    return Run.objects.filter(procedure_version=version, finished_at=None).count()


def name_of(version: ProcedureVersion) -> str:
    return f"Version {version.number}" if version.number else "The draft"


# -- verbs -------------------------------------------------------------------------------------------------------


def retire(call: Call) -> str:
    procedures.retire(call.object.name, principal=call.principal, reason=call.reason)
    return "It is retired: no new run begins. Runs under way go on."


def activate(call: Call) -> str:
    procedures.activate(call.object.name, principal=call.principal, reason=call.reason)
    return "It can be followed again."


def discard(call: Call) -> str:
    seen = call.fields.get("revision", "")
    revision = int(seen) if seen.isdecimal() else None
    drafts.discard(call.object.name, principal=call.principal, if_revision=revision)
    return "The draft is discarded. Published versions are as they were."


RETIRE = Verb(
    "retire",
    "Retire",
    "No new run of it begins; runs under way go on. It can be activated again.",
    retire,
    reason="required",
    danger=True,
    available=lambda procedure: procedure.status == Procedure.Status.ACTIVE and procedure.current_id is not None,
    icon="archive",
)
ACTIVATE = Verb(
    "activate",
    "Activate",
    "New runs of it can begin again.",
    activate,
    reason="required",
    available=lambda procedure: procedure.status == Procedure.Status.RETIRED,
    icon="unarchive",
)
DISCARD = Verb(
    "discard",
    "Discard the draft",
    "What the draft changes is given up and cannot be brought back: export it first if you may want it. Published "
    "versions stay as they are.",
    discard,
    reason="none",
    danger=True,
    available=lambda procedure: ProcedureVersion.objects.filter(
        procedure=procedure, status=ProcedureVersion.Status.DRAFT
    ).exists(),
    icon="delete",
)
