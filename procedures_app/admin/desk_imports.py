"""Procedures that come as text: a pasted list, a file, and the six that the hub brings along."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from agents_app.admin.sharing_matrix import tenants_of
from memoryhub.access.admin.base import principal_of
from memoryhub.access.exceptions import HubError
from procedures_app import documents
from procedures_app.admin.desk_editing import Form
from procedures_app.admin.desk_editor import known_procedures, saved
from procedures_app.admin.desk_form import complete, state_from
from procedures_app.admin.desk_pages import DeskPages, acting, address, tenant_asked
from procedures_app.admin.desk_places import Line, place_of, where
from procedures_app.documents import Document, DocumentInvalid
from procedures_app.models import Procedure
from procedures_app.services import defaults, drafts

#: Largest file, in bytes: far beyond any procedure that a person could follow.
LARGEST = 400_000
LARGEST_SAYS = "400 kB"
FORMATS = {"auto": "by what it looks like", "markdown": "Markdown", "yaml": "YAML", "json": "JSON"}
EXAMPLE = """1. Read the release notes
   - Look for changed settings.
   - Evidence: link to the notes
2. Run the migration on a copy
3. Ask a person to approve the production run
4. Run the migration in production"""


class ImportViews(DeskPages):
    def tenancy(self, request: HttpRequest, tenant: str) -> dict[str, Any]:
        """Whose agents will follow it, and whose could."""
        return {"tenant": tenant, "tenants": tenants_of(principal_of(request))}

    @method_decorator(sensitive_post_parameters())
    def paste_view(self, request: HttpRequest) -> HttpResponse:
        """A numbered list becomes steps: first shown, then a draft in the editor. Nothing is saved here."""
        self.need_editor(request)
        tenant = tenant_asked(request)
        text, title = request.POST.get("text", ""), request.POST.get("title", "").strip()
        context: dict[str, Any] = {"text": text, "heading": title, "example": EXAMPLE, **self.tenancy(request, tenant)}
        if request.method != "POST":
            return self.shown(request, "procedures/paste.html", "Paste a list", **context)
        try:
            document = titled(documents.parse(text, format="list"), title)
        except DocumentInvalid as error:
            lines = lines_of(error)
            return self.shown(request, "procedures/paste.html", "Paste a list", status=422, lines=lines, **context)
        if request.POST.get("do") == "edit":
            return self.in_editor(request, tenant, document)
        return self.shown(request, "procedures/paste.html", "Paste a list", document=document, **context)

    def in_editor(self, request: HttpRequest, tenant: str, document: Document) -> HttpResponse:
        form = Form(tenant, complete({}), address("new"), back=address("list"), revision=0, unsaved=True)
        form.state, form.tenants = state_from(document), tenants_of(principal_of(request))
        form.known = known_procedures(acting(request, tenant), None)
        form.says = f"{len(document['steps'])} steps. Nothing is saved yet: look them over, then save the draft."
        return self.shown(request, "procedures/editor.html", "New procedure", form=form)

    @method_decorator(sensitive_post_parameters())
    def import_view(self, request: HttpRequest) -> HttpResponse:
        """A file becomes the draft of the procedure that it names; a new one, or the draft of one that is there."""
        self.need_editor(request)
        tenant = tenant_asked(request)
        context: dict[str, Any] = {"formats": FORMATS.items(), "largest": LARGEST_SAYS, **self.tenancy(request, tenant)}
        if request.method != "POST":
            return self.shown(request, "procedures/import.html", "Import a file", **context)
        try:
            with transaction.atomic():
                return self.imported(request, tenant)
        except DocumentInvalid as error:
            context["lines"] = lines_of(error)
        except HubError as error:
            context["problem"] = error.message
        context |= {"format": request.POST.get("format", "auto")}
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        return self.shown(request, "procedures/import.html", "Import a file", status=status, **context)

    def imported(self, request: HttpRequest, tenant: str) -> HttpResponse:
        """Raises DocumentInvalid, and HubError where there is a draft that it would overwrite."""
        form_asked = request.POST.get("format", "auto")
        text = text_in(request)
        document = documents.parse(text, format=form_asked if form_asked in FORMATS else "auto")  # type: ignore[arg-type]
        name = document["name"] or documents.names.procedure_slug(document["title"])
        principal = acting(request, tenant)
        there = Procedure.objects.visible_to(principal).filter(tenant_id=tenant, name=name).first()
        if there is None:
            draft = saved(Form(tenant, complete({}), "", revision=0), document, principal)
        elif self.draft_of(there) is not None:
            raise HubError(f"There is a draft of '{name}' already. Publish or discard it first; nothing was changed.")
        else:
            draft = drafts.save(name, document | {"name": name}, principal=principal, if_revision=0)
        messages.success(request, f"The file is the draft of {name}. Look it over, then publish it.")
        return HttpResponseRedirect(address("draft", draft.procedure_id))

    @method_decorator(require_POST)
    def install_view(self, request: HttpRequest) -> HttpResponse:
        """The six that the hub brings along; what is there already stays as it is."""
        self.need_editor(request)
        tenant = tenant_asked(request)
        try:
            with transaction.atomic():
                made = defaults.install(principal=acting(request, tenant), tenant_id=tenant)
        except HubError as error:
            messages.error(request, error.message)
        else:
            told = f"Installed {len(made)} procedures." if made else "All of them were there already."
            messages.success(request, told)
        return HttpResponseRedirect(address("list"))


def titled(document: Document, title: str) -> Document:
    return document | {"title": title} if title else document


def text_in(request: HttpRequest) -> str:
    """The file as text. Raises DocumentInvalid."""
    upload = request.FILES.get("file")
    if upload is None:
        raise DocumentInvalid([("", "Choose a file first.")])
    if (upload.size or 0) > LARGEST:
        raise DocumentInvalid([("", f"The file is larger than {LARGEST_SAYS}. A procedure is far smaller.")])
    try:
        return bytes(upload.read()).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DocumentInvalid([("", "This is no text file in UTF-8.")]) from None


def lines_of(error: DocumentInvalid) -> list[Line]:
    return [Line("error", where(place_of(path), {}) if path else "The text", told, "") for path, told in error.errors]
