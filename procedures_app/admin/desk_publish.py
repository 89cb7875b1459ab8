"""Publishing: what changes, whom it touches, why it may not be yet; and bringing an old draft up to date."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters

from memoryhub.access.exceptions import HubError
from procedures_app import documents
from procedures_app.admin import desk_places
from procedures_app.admin.desk_changes import changes_of
from procedures_app.admin.desk_editor import newest_of
from procedures_app.admin.desk_form import state_from
from procedures_app.admin.desk_pages import DeskPages, acting, address
from procedures_app.admin.desk_rebase import clashes_of, picks_of
from procedures_app.exceptions import DraftHasErrors, DraftStale, PublishedMoved
from procedures_app.models import Procedure, ProcedureVersion, Run
from procedures_app.services import drafts, procedures, publishing


class PublishViews(DeskPages):
    @method_decorator(sensitive_post_parameters())
    def publish_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        procedure = self.to_edit(request, object_id)
        if request.method != "POST":
            return self.publish_page(request, procedure)
        note = request.POST.get("note", "").strip()
        try:
            with transaction.atomic():
                version = publishing.publish(
                    procedure.name,
                    principal=acting(request, procedure.tenant_id),
                    revision=number_in(request, "revision") or 0,
                    note=note,
                    based_on_seen=number_in(request, "newest"),
                )
        except (DraftStale, PublishedMoved) as error:
            return self.publish_page(request, procedure, note, moved=error.message, status=HTTPStatus.CONFLICT)
        except DraftHasErrors:
            return self.publish_page(request, procedure, note, status=HTTPStatus.UNPROCESSABLE_ENTITY)
        except HubError as error:
            status = HTTPStatus.UNPROCESSABLE_ENTITY
            return self.publish_page(request, procedure, note, problem=error.message, status=status)
        messages.success(request, f"Version {version.number} is in force. Runs under way stay on their version.")
        return HttpResponseRedirect(address("change", procedure.pk))

    def publish_page(
        self, request: HttpRequest, procedure: Procedure, note: str = "", *, status: int = 200, **told: str
    ) -> HttpResponse:
        """Where there is no draft (any more), the procedure's page says what happened to it."""
        draft = self.draft_of(procedure)
        if draft is None:
            messages.error(request, "There is no draft to publish: somebody published or discarded it.")
            return HttpResponseRedirect(address("change", procedure.pk))
        newest = newest_of(procedure)
        document = procedures.document_of(draft)
        found = drafts.problems(draft, principal=acting(request, procedure.tenant_id), publishing=True)
        lines = desk_places.lines(found, state_from(document))
        context: dict[str, Any] = {
            "procedure": procedure,
            "draft": draft,
            "newest": newest,
            "behind": newest is not None and draft.based_on != newest.number,
            "document": document,
            "changes": changes_of(documents.diff(procedures.document_of(newest), document)) if newest else None,
            "lines": lines,
            "errors": sum(line.level == "error" for line in lines),
            "open_runs": open_runs_of(procedure),
            "note": note,
            "longest_note": publishing.LONGEST_NOTE,
            **told,
        }
        title = f"Publish {draft.title or procedure.name}"
        return self.shown(request, "procedures/publish.html", title, status=status, **context)

    @method_decorator(sensitive_post_parameters())
    def rebase_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """What was published since comes into the draft; where both changed the same, a person chooses."""
        procedure = self.to_edit(request, object_id)
        draft, newest = self.draft_of(procedure), newest_of(procedure)
        if draft is None or newest is None or draft.based_on == newest.number:
            messages.info(request, "There is nothing to bring up to date.")
            return HttpResponseRedirect(address("change", procedure.pk))
        merged = drafts.three_way(procedure.name, principal=acting(request, procedure.tenant_id))
        base = procedures.document_of(base_of(procedure, draft) or newest)
        published, mine = procedures.document_of(newest), procedures.document_of(draft)
        clashes = clashes_of(merged, request.POST)
        context: dict[str, Any] = {
            "procedure": procedure,
            "draft": draft,
            "newest": newest,
            "clashes": clashes,
        }
        if request.method == "POST":
            outcome = self.rebase(request, procedure, newest, clashes)
            if isinstance(outcome, HttpResponse):
                return outcome
            context["problem"] = outcome
        context["theirs"] = changes_of(documents.diff(base, published))
        context["mine"] = changes_of(documents.diff(base, mine))
        status = HTTPStatus.CONFLICT if context.get("problem") else HTTPStatus.OK
        title = f"Bring the draft of {draft.title or procedure.name} up to date"
        return self.shown(request, "procedures/rebase.html", title, status=status, **context)

    def rebase(
        self, request: HttpRequest, procedure: Procedure, newest: ProcedureVersion, clashes: list[Any]
    ) -> HttpResponse | str:
        """The next page, or why it was refused."""
        if number_in(request, "newest") != newest.number:
            return f"Version {newest.number} was published since you looked. Look again, then choose."
        undecided = [clash for clash in clashes if not clash.chosen]
        if undecided:
            many = len(undecided)
            return f"Choose for {'each place' if many > 1 else 'the place'} where both changed: {many} left."
        try:
            with transaction.atomic():
                drafts.rebase(
                    procedure.name,
                    principal=acting(request, procedure.tenant_id),
                    if_revision=number_in(request, "revision"),
                    choices=picks_of(clashes),
                )
        except HubError as error:
            return f"{error.message} Look again at what is below."
        messages.success(request, "The draft is up to date. Look at it once more, then publish it.")
        return HttpResponseRedirect(address("publish", procedure.pk))


def number_in(request: HttpRequest, name: str) -> int | None:
    said = request.POST.get(name, "")
    return int(said) if said.isdecimal() and len(said) < 10 else None


def base_of(procedure: Procedure, draft: ProcedureVersion) -> ProcedureVersion | None:
    published = ProcedureVersion.objects.filter(procedure=procedure, number=draft.based_on, status="published")
    found: ProcedureVersion | None = published.select_related("procedure").prefetch_related("steps").first()
    return found


def open_runs_of(procedure: Procedure) -> list[tuple[int, int]]:
    """Version and number of open runs, newest version first."""
    rows = Run.objects.filter(procedure=procedure, finished_at=None).values_list("procedure_version__number")
    return [(number, many) for number, many in rows.annotate(many=Count("pk")).order_by("-procedure_version__number")]
