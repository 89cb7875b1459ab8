"""Doors to procedures: listed, read, imported and exported, retired."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from memoryhub.access.api.pagination import page
from memoryhub.access.api.schema import PAGE_PARAMETERS, example, page_of, problem_responses
from memoryhub.access.api.views import HubView
from memoryhub.access.exceptions import NotFound
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls
from procedures_app import documents
from procedures_app.api import procedure_examples as examples
from procedures_app.api.procedure_drafts import TAGS, ProcedureView, drafted
from procedures_app.api.procedure_inputs import (
    DRAFT,
    DiffQuery,
    ExportQuery,
    ImportInput,
    NewProcedureInput,
    ProcedureReasonInput,
    ProceduresQuery,
    ProcedureTenantQuery,
    TextInput,
    VersionsQuery,
)
from procedures_app.api.procedure_outputs import (
    ExportOutput,
    ProcedureDiffOutput,
    ProcedureDraftOutput,
    ProcedureHeadOutput,
    ProcedureOutput,
    ProcedureVersionHeadOutput,
    ProcedureVersionOutput,
    ReadDocumentOutput,
    diff_document,
    head_document,
    problem_documents,
    version_document,
)
from procedures_app.documents import Document
from procedures_app.models import ProcedureVersion
from procedures_app.services import drafts, importing, procedures


def procedure_document(name: str, principal: Principal) -> dict[str, Any]:
    """The procedure with its newest published document."""
    with behind_walls(principal):
        procedure = procedures.with_drafts(procedures.of(principal=principal)).filter(name=name).first()
        if procedure is None:
            raise NotFound(f"There is no procedure '{name}' here.")
        document = procedures.document_of(procedure.current) if procedure.current else None
        return {"success": True, **head_document(procedure), "document": document}


def chosen(name: str, wanted: str | None, principal: Principal) -> ProcedureVersion:
    """A version by its number, the draft, or whatever is newest. Raises NotFound."""
    if wanted == DRAFT:
        return drafts.of(name, principal=principal)
    if wanted:
        return procedures.version(name, int(wanted), principal=principal)
    return procedures.named(name, principal=principal).current or drafts.of(name, principal=principal)


def document_of(name: str, wanted: str | None, principal: Principal) -> tuple[ProcedureVersion, Document]:
    with behind_walls(principal):
        version = chosen(name, wanted, principal)
        return version, procedures.document_of(version)


class ProceduresView(HubView):
    permissions = {"POST": "write"}

    @extend_schema(
        operation_id="procedures_list",
        summary="List procedures",
        description="By name. Filters by kind, tag and text are about published versions. Needs `read`.",
        parameters=[ProceduresQuery, *PAGE_PARAMETERS],
        responses={200: page_of(ProcedureHeadOutput, "ProceduresPage"), **problem_responses(404)},
        examples=[examples.LISTED],
        tags=TAGS,
    )
    def get(self, request: Request) -> Response:
        query = self.read(ProceduresQuery, request, query=True)
        principal = self.principal(request, {"tenant_id": query.get("tenant_id")})
        filters = {name: query[name] for name in ("kind", "status", "tag", "text") if name in query}
        return page(
            request,
            procedures.with_drafts(procedures.of(principal=principal, **filters)),
            principal=principal,
            query=query,
            order=("name", "id"),
            render=lambda rows: [head_document(row) for row in rows],
        )

    @extend_schema(
        operation_id="procedures_make",
        summary="Make a procedure with its first draft",
        description="Nobody follows it before it is published. 409 where there is a procedure of this name. Needs "
        "`write`.",
        request=NewProcedureInput,
        responses={201: ProcedureDraftOutput, **problem_responses(404, 409, 422)},
        examples=[example("Two steps", {"document": examples.NEW}, request=True), examples.DRAFTED],
        tags=TAGS,
    )
    def post(self, request: Request) -> Response:
        data = self.read(NewProcedureInput, request)
        principal = self.principal(request, {"tenant_id": data.get("tenant_id")})
        draft = drafts.begin(data["document"], principal=principal, name=data.get("name", ""))
        return drafted(draft, principal, status=201)


class OneProcedureView(ProcedureView):
    @extend_schema(
        operation_id="procedures_get",
        summary="Read a procedure",
        description="With the document that new runs follow. Needs `read`.",
        parameters=[ProcedureTenantQuery],
        responses={200: ProcedureOutput, **problem_responses(404)},
        examples=[examples.READ],
        tags=TAGS,
    )
    def get(self, request: Request, name: str) -> Response:
        return Response(procedure_document(name, self.caller(request)))


class RetireView(ProcedureView):
    permissions = {"POST": "admin"}

    @extend_schema(
        operation_id="procedures_retire",
        summary="Retire a procedure",
        description="No new run follows it; runs that are under way go on. 409 where another procedure or a rule needs "
        "it. Needs `admin`.",
        request=ProcedureReasonInput,
        parameters=[ProcedureTenantQuery],
        responses={200: ProcedureOutput, **problem_responses(404, 409, 422)},
        examples=[examples.READ],
        tags=TAGS,
    )
    def post(self, request: Request, name: str) -> Response:
        data, principal = self.read(ProcedureReasonInput, request), self.caller(request)
        procedures.retire(name, principal=principal, reason=data["reason"])
        return Response(procedure_document(name, principal))


class ActivateView(ProcedureView):
    permissions = {"POST": "admin"}

    @extend_schema(
        operation_id="procedures_activate",
        summary="Activate a retired procedure",
        description="New runs can follow it again. Needs `admin`.",
        request=ProcedureReasonInput,
        parameters=[ProcedureTenantQuery],
        responses={200: ProcedureOutput, **problem_responses(404, 409, 422)},
        examples=[examples.READ],
        tags=TAGS,
    )
    def post(self, request: Request, name: str) -> Response:
        data, principal = self.read(ProcedureReasonInput, request), self.caller(request)
        procedures.activate(name, principal=principal, reason=data["reason"])
        return Response(procedure_document(name, principal))


class VersionsView(ProcedureView):
    @extend_schema(
        operation_id="procedures_versions",
        summary="The published versions of a procedure",
        description="Newest first; none of them ever changes. Needs `read`.",
        parameters=[VersionsQuery, *PAGE_PARAMETERS],
        responses={200: page_of(ProcedureVersionHeadOutput, "ProcedureVersionsPage"), **problem_responses(404)},
        examples=[examples.VERSIONS],
        tags=TAGS,
    )
    def get(self, request: Request, name: str) -> Response:
        query = self.read(VersionsQuery, request, query=True)
        principal = self.principal(request, {"tenant_id": query.get("tenant_id")})
        procedures.named(name, principal=principal)
        return page(
            request,
            procedures.versions(name, principal=principal),
            principal=principal,
            query=query,
            order=("-number", "-id"),
            render=lambda rows: [version_document(row) for row in rows],
        )


class OneVersionView(ProcedureView):
    @extend_schema(
        operation_id="procedures_version",
        summary="Read a published version",
        description="As it was published; runs that began with it follow it to their end. Needs `read`.",
        parameters=[ProcedureTenantQuery],
        responses={200: ProcedureVersionOutput, **problem_responses(404)},
        examples=[examples.PUBLISHED],
        tags=TAGS,
    )
    def get(self, request: Request, name: str, number: int) -> Response:
        version, document = document_of(name, str(number), self.caller(request))
        return Response({"success": True, **version_document(version), "document": document})


class DiffView(ProcedureView):
    @extend_schema(
        operation_id="procedures_diff",
        summary="What differs between two versions of a procedure",
        description="Step by step, and in words. Steps are told apart by their ids, so that a moved step is a moved "
        "step. Needs `read`.",
        parameters=[DiffQuery],
        responses={200: ProcedureDiffOutput, **problem_responses(404)},
        examples=[examples.COMPARED],
        tags=TAGS,
    )
    def get(self, request: Request, name: str) -> Response:
        query = self.read(DiffQuery, request, query=True)
        principal = self.principal(request, {"tenant_id": query.get("tenant_id")})
        _, old = document_of(name, query.get("from"), principal)
        _, new = document_of(name, query.get("to", DRAFT), principal)
        return Response(diff_document(name, documents.diff(old, new)))


class ExportView(ProcedureView):
    @extend_schema(
        operation_id="procedures_export",
        summary="A procedure as text",
        description="As YAML, Markdown or JSON; importing it gives the same procedure back. Needs `read`.",
        parameters=[ExportQuery],
        responses={200: ExportOutput, **problem_responses(404)},
        examples=[examples.EXPORTED],
        tags=TAGS,
    )
    def get(self, request: Request, name: str) -> Response:
        query = self.read(ExportQuery, request, query=True)
        principal = self.principal(request, {"tenant_id": query.get("tenant_id")})
        version, document = document_of(name, query.get("version"), principal)
        text = documents.render(document, query["format"])
        shown = {"name": name, "version": version.number, "format": query["format"], "text": text}
        return Response({"success": True, **shown})


class ImportView(HubView):
    permissions = {"POST": "write"}

    @extend_schema(
        operation_id="procedures_import",
        summary="Import a procedure from text",
        description="YAML, JSON, Markdown, or a plain numbered list; it becomes the draft. Steps that were there "
        "before keep their ids. 412 where there is a draft of another revision. Needs `write`.",
        request=ImportInput,
        responses={200: ProcedureDraftOutput, **problem_responses(404, 409, 412, 422)},
        examples=[
            example("A numbered list", {"name": "ship-it", "text": examples.LIST}, request=True),
            examples.DRAFTED,
        ],
        tags=TAGS,
    )
    def post(self, request: Request) -> Response:
        data = self.read(ImportInput, request)
        principal = self.principal(request, {"tenant_id": data.get("tenant_id")})
        said = {"format": data["format"], "name": data.get("name", ""), "if_revision": data["revision"]}
        return drafted(importing.keep(data["text"], principal=principal, **said), principal)


class ParseView(HubView):
    @extend_schema(
        operation_id="procedures_parse",
        summary="What a text would become",
        description="As import does, without saving anything: the document, and what is wrong with it. Needs `read`.",
        request=TextInput,
        responses={200: ReadDocumentOutput, **problem_responses(404)},
        examples=[example("A numbered list", {"text": examples.LIST}, request=True), examples.PARSED],
        tags=TAGS,
    )
    def post(self, request: Request) -> Response:
        data = self.read(TextInput, request)
        principal = self.principal(request, {"tenant_id": data.get("tenant_id")})
        said = {"format": data["format"], "name": data.get("name", "")}
        document = importing.read(data["text"], principal=principal, **said)
        problems = drafts.problems_of(document, principal=principal)
        return Response({"success": True, "document": document, "problems": problem_documents(problems)})
