"""The editor of a draft: one document, one form. Buttons change the form alone; saving is one service call."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters

from agents_app.admin.sharing_matrix import tenants_of
from memoryhub.access.admin.base import principal_of
from memoryhub.access.exceptions import HubError, Invalid
from memoryhub.access.principals import Principal
from procedures_app import documents
from procedures_app.admin import desk_moves
from procedures_app.admin.desk_editing import MODES, Form
from procedures_app.admin.desk_form import Reading, State, complete, state_from, state_of
from procedures_app.admin.desk_pages import DeskPages, acting, address, tenant_asked
from procedures_app.admin.desk_places import place_of, target_of
from procedures_app.admin.desk_stale import both_together, stale_of
from procedures_app.documents import Document, DocumentInvalid, Problem
from procedures_app.exceptions import DraftStale
from procedures_app.models import Procedure, ProcedureVersion
from procedures_app.services import drafts, procedures

#: Sent by the page's own script, which wants the form alone.
FORM_ALONE = "X-Desk"
MOST_KNOWN = 300


class EditorViews(DeskPages):
    """Of the ModelAdmin of procedures: a new procedure, and the draft of one that is there."""

    @method_decorator(sensitive_post_parameters())
    def new_view(self, request: HttpRequest) -> HttpResponse:
        self.need_editor(request)
        tenant = tenant_asked(request)
        form = Form(tenant, complete({}), address("new"), back=address("list"), revision=0)
        form.tenants = tenants_of(principal_of(request))
        form.known = known_procedures(acting(request, tenant), None)
        return self.answer(request, form)

    @method_decorator(sensitive_post_parameters())
    def draft_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        procedure = self.to_edit(request, object_id)
        return self.answer(request, self.form_of(request, procedure))

    def form_of(self, request: HttpRequest, procedure: Procedure) -> Form:
        """The draft as it is saved; without one the newest version, from which one begins."""
        draft, newest = self.draft_of(procedure), newest_of(procedure)
        shown = draft or newest
        form = Form(
            procedure.tenant_id,
            complete({}),
            address("draft", procedure.pk),
            procedure=procedure,
            revision=draft.revision if draft else 0,
            based_on=draft.based_on if draft else (newest.number if newest else None),
            author=draft.author if draft else "",
            saved_at=draft.updated_at if draft else None,
            back=address("change", procedure.pk),
            known=known_procedures(acting(request, procedure.tenant_id), procedure.name),
        )
        if shown is not None:
            form.base = procedures.document_of(shown)
            form.state = state_from(form.base)
        if draft is not None:
            form.newer = newest.number if newest and newest.number != draft.based_on else None
            form.publish_address = address("publish", procedure.pk)
            form.rebase_address = address("rebase", procedure.pk)
        return form

    # -- what was asked -----------------------------------------------------------------------------------------

    def answer(self, request: HttpRequest, form: Form) -> HttpResponse:
        principal = acting(request, form.tenant)
        if request.method != "POST":
            return self.page(request, form)
        take_over(request, form)
        asked = request.POST.get("do", "")
        name, _, what = asked.partition(":")
        if name in ("save", "over", "both"):
            return self.save(request, form, principal, name, what)
        if name == "as":
            switch(form, what if what in MODES else "form")
        elif name == "check":
            self.check_form(form, principal)
        elif name == "see":
            self.see(form, what)
        else:
            moved(form, asked)
        return self.page(request, form, status=422 if form.problem else 200)

    def page(self, request: HttpRequest, form: Form, *, status: int = 200) -> HttpResponse:
        if request.headers.get(FORM_ALONE):
            return TemplateResponse(request, "procedures/editor_form.html", {"form": form}, status=status)
        title = f"Draft of {form.procedure.name}" if form.procedure else "New procedure"
        return self.shown(request, "procedures/editor.html", title, status=status, form=form, procedure=form.procedure)

    def check_form(self, form: Form, principal: Principal) -> None:
        """What would prevent publishing, or is worth a look; nothing is saved."""
        readable = document_in(form) or what_is_readable(form)
        found = drafts.problems_of(readable, principal=principal) if readable else []
        form.show([*form.found, *(one for one in found if target_of(place_of(one.path)) not in form.at_places)])
        form.says, form.focus = said_of(form), "problems"

    def see(self, form: Form, at: str) -> None:
        """What agents are told of a step; nothing is saved."""
        document = document_in(form)
        steps, index = document["steps"] if document else [], number(at.removeprefix("steps."))
        if document is None:
            form.focus = "problems"
        elif index is not None and index < len(steps):
            form.seen = {index: seen_by_agents(steps[index], index)}
            form.says, form.focus = f"Step {index + 1} is shown as agents see it.", f"see:{at}"

    # -- saving ---------------------------------------------------------------------------------------------------

    def save(self, request: HttpRequest, form: Form, principal: Principal, how: str, what: str) -> HttpResponse:
        """Refused or stale: the page comes back with everything that was typed."""
        document, form.refused = document_in(form), True
        if document is None:
            return self.page(request, form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
        if how in ("over", "both"):
            form.revision = number(what) or 0
        try:
            with transaction.atomic():
                document = self.merged(form, document) if how == "both" else document
                draft = saved(form, document, principal)
                problems = drafts.problems(draft, principal=principal)
        except DraftStale as error:
            return self.stale(request, form, document, error)
        except DocumentInvalid as error:
            form.show([Problem(path, message) for path, message in error.errors])
        except Invalid as error:
            form.show([Problem(error.field if error.field == "name" else "", error.message)])
        except HubError as error:
            form.problem = error.message
        else:
            messages.success(request, f"Draft saved. {told(problems)}")
            return HttpResponseRedirect(address("draft", draft.procedure_id))
        return self.page(request, form, status=HTTPStatus.UNPROCESSABLE_ENTITY)

    def merged(self, form: Form, document: Document) -> Document:
        """Both changes in one document. DraftStale when they clash, or somebody saved once more."""
        assert form.procedure is not None
        current = self.draft_of(form.procedure)
        found = both_together(form.base, current, document)
        if found is None or current is None or current.revision != form.revision:
            raise DraftStale(current_revision=current.revision if current else 0)
        return found

    def stale(self, request: HttpRequest, form: Form, document: Document, error: DraftStale) -> HttpResponse:
        procedure = form.procedure or Procedure.objects.filter(tenant_id=form.tenant, name=document["name"]).first()
        current = self.draft_of(procedure) if procedure else None
        if current is None:
            form.problem = error.message if procedure is None else "The draft was published or discarded meanwhile."
            form.revision = 0
        elif form.procedure is None:
            form.problem = f"There is a procedure '{document['name']}' already. Choose another name."
        else:
            form.stale = stale_of(form.base, current, document)
        return self.page(request, form, status=HTTPStatus.CONFLICT)


def take_over(request: HttpRequest, form: Form) -> None:
    """Everything that the page sent takes the place of what is saved."""
    posted = {name: str(value) for name, value in request.POST.items()}
    form.mode = posted.get("mode", "form") if posted.get("mode") in MODES else "form"
    form.state, form.text = state_of(posted), posted.get("text", "").replace("\r\n", "\n")
    if form.procedure is not None:
        form.state["name"] = form.procedure.name
    form.unsaved = bool(posted.get("unsaved"))
    form.removed = removed_of(posted.get("removed", ""))
    seen = number(posted.get("revision", ""))
    form.revision = form.revision if seen is None else seen
    form.based_on = number(posted.get("based_on", "")) or form.based_on
    form.base = json_object(posted.get("base", ""))
    if form.mode != "form":
        form.state = complete({"title": posted.get("title", ""), "name": form.state.get("name", "")})


def number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def json_object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def removed_of(text: str) -> desk_moves.Removed:
    try:
        found = json.loads(text) if text else []
    except (ValueError, RecursionError):
        return []
    rows = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    return [one for one in rows if isinstance(one.get("index"), int) and isinstance(one.get("row"), dict)]


def document_in(form: Form) -> Document | None:
    """The document that the page says; None, with the problems shown, where it says none yet."""
    try:
        if form.mode != "form":
            return documents.parse(form.text, format=form.mode, over=form.base)  # type: ignore[arg-type]
        reading = Reading(form.state)
        if not reading.mistakes:
            return documents.read(reading.document, over=form.base)
        form.show([*(Problem(place, message) for place, message in reading.mistakes.items()), *shape_of(reading)])
    except DocumentInvalid as error:
        form.show([Problem(path, message) for path, message in error.errors])
    return None


def shape_of(reading: Reading) -> list[Problem]:
    """What else does not fit, beside what could not be read."""
    try:
        documents.read(reading.document)
    except DocumentInvalid as error:
        return [Problem(*one) for one in error.errors if place_of(one[0]) not in reading.mistakes]
    return []


def what_is_readable(form: Form) -> Document | None:
    """The document without what could not be read in it, so that everything else is checked, too."""
    try:
        return documents.read(Reading(form.state).document) if form.mode == "form" else None
    except DocumentInvalid:
        return None


def switch(form: Form, mode: str) -> None:
    """The same document in another form. One that is not right yet stays as it is, with its problems."""
    document = document_in(form)
    if document is None:
        form.focus = "problems"
        return
    if mode == "form":
        form.state = state_from(document)
    else:
        form.text = documents.render(document, mode)  # type: ignore[arg-type]
    form.mode, form.focus = mode, "text" if mode != "form" else "title"
    form.says = f"The procedure as {MODES[mode]}."


def moved(form: Form, asked: str) -> None:
    done = desk_moves.carry_out(form.state, form.removed, asked)
    if done is None:
        form.problem = "The page asked for something that is not there any more. Nothing was changed."
        return
    form.says, form.focus, form.unsaved = done.says, done.focus, True


def saved(form: Form, document: Document, principal: Principal) -> ProcedureVersion:
    """One service call; a new procedure is called by its title where no name was given."""
    name = document["name"] or documents.names.procedure_slug(document["title"])
    if form.procedure is None and not name:
        raise DocumentInvalid([("title", "Give the procedure a title.")])
    if form.procedure is None:
        refuse_taken(name, principal)
    # a new draft began from the version that the page showed, whatever was published since
    began = form.based_on if form.procedure is not None and not form.revision else None
    return drafts.save(
        name, document | {"name": name}, principal=principal, if_revision=form.revision or 0, based_on=began
    )


def refuse_taken(name: str, principal: Principal) -> None:
    if Procedure.objects.filter(tenant_id=principal.tenant_id, name=name).exists():
        raise Invalid("name", f"There is a procedure '{name}' already. Choose another name, or edit that one.")


def newest_of(procedure: Procedure) -> ProcedureVersion | None:
    published = ProcedureVersion.objects.filter(procedure=procedure, status=ProcedureVersion.Status.PUBLISHED)
    found: ProcedureVersion | None = (
        published.select_related("procedure").prefetch_related("steps").order_by("-number").first()
    )
    return found


def known_procedures(principal: Principal, own: str | None) -> tuple[tuple[str, str], ...]:
    """What can be a step: the procedures with a published version."""
    rows = procedures.of(principal=principal, status=Procedure.Status.ACTIVE).exclude(current=None)
    named = rows.filter(tenant_id=principal.tenant_id).exclude(name=own or "").order_by("name")
    return (
        ("", "choose"),
        *((row.name, f"{row.current.title} ({row.name})") for row in named[:MOST_KNOWN] if row.current),
    )


def seen_by_agents(step: dict[str, Any], index: int) -> dict[str, Any]:
    """What the door of a run's next step answers of it, before placeholders are filled in."""
    limit = step["time_limit_seconds"]
    asked = documents.preconditions.confirmations(step["preconditions"])
    return {
        "id": step["id"],
        "position": index + 1,
        "kind": step["kind"],
        "title": step["title"],
        "instruction": step["instruction"],
        "evidence": [*step["evidence"], *asked],
        "deadline_at": f"{limit} seconds after it is taken" if limit else None,
        "attempt": 1,
        "rolling_back": False,
    }


def told(problems: list[Problem]) -> str:
    errors = sum(problem.level == "error" for problem in problems)
    if errors:
        return f"{errors} thing{'' if errors == 1 else 's'} to mend before it can be published: Check lists them."
    return "It can be published."


def said_of(form: Form) -> str:
    return form.summary_title if form.found else "Nothing is wrong with this draft."


def fresh(form: Form, state: State) -> Form:
    """The form with a state that was not saved, such as a pasted list."""
    form.state, form.unsaved = state, True
    return form
