"""Doors to the draft of a procedure: read, saved, rebased, discarded and published."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from memoryhub.access.api.schema import example, problem_responses
from memoryhub.access.api.views import HubView
from memoryhub.access.exceptions import VersionRequired
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls
from memoryhub.registry.api.preconditions import if_version
from memoryhub.registry.exceptions import EntryStale
from procedures_app.api import procedure_examples as examples
from procedures_app.api.procedure_inputs import DraftInput, ProcedureTenantQuery, PublishInput, RebaseInput
from procedures_app.api.procedure_outputs import (
    DiscardedDraftOutput,
    ProcedureDraftOutput,
    ProcedureVersionOutput,
    RebaseOutput,
    draft_document,
    rebase_document,
    version_document,
)
from procedures_app.exceptions import DraftStale
from procedures_app.models import ProcedureVersion
from procedures_app.services import drafts, procedures, publishing

TAGS = ["procedures"]
IF_MATCH = OpenApiParameter(
    "If-Match",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    pattern=r'^(?:"[0-9]{1,9}"|\*)$',
    description='The revision of the draft that you saw, in quotes; "0" where there was none; * for any.',
)


class ProcedureView(HubView):
    """Base of doors to one procedure: the tenant stands in the query string."""

    def caller(self, request: Request) -> Principal:
        return self.principal(request, self.read(ProcedureTenantQuery, request, query=True))


def seen_revision(request: Request) -> int | None:
    """The revision in If-Match; None for ``*``. Raises VersionRequired without, DraftStale for a weak ETag."""
    if request.META.get("HTTP_IF_MATCH") is None:
        raise VersionRequired('Changing a draft needs If-Match with the revision that you saw, such as If-Match: "3".')
    try:
        return if_version(request)
    except EntryStale as error:
        raise DraftStale("A weak ETag never matches.") from error


def drafted(draft: ProcedureVersion, principal: Principal, status: int = 200) -> Response:
    """The draft as it is now, with what is wrong with it."""
    with behind_walls(principal):
        problems = drafts.problems(draft, principal=principal)
        newest = drafts.newest_number(draft.procedure)
        document = procedures.document_of(draft)
    return Response(draft_document(draft, document, newest, problems), status=status)


class DraftView(ProcedureView):
    permissions = {"PUT": "write", "DELETE": "write"}

    @extend_schema(
        operation_id="procedures_draft",
        summary="Read the draft of a procedure",
        description="With what is wrong with it; errors prevent publishing. Needs `read`.",
        parameters=[ProcedureTenantQuery],
        responses={200: ProcedureDraftOutput, **problem_responses(404)},
        examples=[examples.DRAFTED],
        tags=TAGS,
    )
    def get(self, request: Request, name: str) -> Response:
        principal = self.caller(request)
        return drafted(drafts.of(name, principal=principal), principal)

    @extend_schema(
        operation_id="procedures_draft_save",
        summary="Save the draft of a procedure",
        description="Whole, as a document; it is made where there is none. Steps without an id get that of the step "
        "before which they are. Needs `write`.",
        request=DraftInput,
        parameters=[ProcedureTenantQuery, IF_MATCH],
        responses={200: ProcedureDraftOutput, **problem_responses(404, 409, 412, 428)},
        examples=[example("Two steps", {"document": examples.NEW}, request=True), examples.DRAFTED],
        tags=TAGS,
    )
    def put(self, request: Request, name: str) -> Response:
        revision = seen_revision(request)
        data, principal = self.read(DraftInput, request), self.caller(request)
        procedures.named(name, principal=principal)
        based_on = data.get("based_on")
        draft = drafts.save(name, data["document"], principal=principal, if_revision=revision, based_on=based_on)
        return drafted(draft, principal)

    @extend_schema(
        operation_id="procedures_draft_discard",
        summary="Discard the draft of a procedure",
        description="For whoever wrote it last, and keys with `admin`. Needs `write`.",
        parameters=[ProcedureTenantQuery, IF_MATCH],
        responses={200: DiscardedDraftOutput, **problem_responses(404, 412, 428)},
        tags=TAGS,
    )
    def delete(self, request: Request, name: str) -> Response:
        revision, principal = seen_revision(request), self.caller(request)
        draft = drafts.discard(name, principal=principal, if_revision=revision)
        return Response({"success": True, "name": name, "revision": draft.revision})


class RebaseView(ProcedureView):
    permissions = {"POST": "write"}

    @extend_schema(
        operation_id="procedures_draft_rebase",
        summary="Bring a draft up to date",
        description="Puts the draft's changes on top of the newest published version. What one side changed is merged; "
        "what both changed has to be chosen: 409 `choices_missing` lists it, and `preview` shows it. Needs `write`.",
        request=RebaseInput,
        parameters=[ProcedureTenantQuery, IF_MATCH],
        responses={200: RebaseOutput, **problem_responses(404, 409, 412, 422, 428)},
        examples=[example("The draft's title", {"choices": {"/title": "draft"}}, request=True), examples.MERGED],
        tags=TAGS,
    )
    def post(self, request: Request, name: str) -> Response:
        revision = seen_revision(request)
        data, principal = self.read(RebaseInput, request), self.caller(request)
        choices = data.get("choices")
        if data["preview"]:
            draft = drafts.of(name, principal=principal)
            drafts.refuse_stale(draft, revision)
            merged = drafts.three_way(name, principal=principal, choices=choices)
            return Response(rebase_document(draft, merged, saved=False))
        done = drafts.rebase(name, principal=principal, choices=choices, if_revision=revision)
        return Response(rebase_document(done.draft, done.merged, saved=True))


class PublishView(ProcedureView):
    permissions = {"POST": "admin"}

    @extend_schema(
        operation_id="procedures_publish",
        summary="Publish the draft of a procedure",
        description="New runs follow it; runs that are under way stay with their version. 409 where somebody published "
        "meanwhile (`published_moved`) or the draft has errors (`draft_has_errors`), 412 where the draft was changed. "
        "Needs `admin`.",
        request=PublishInput,
        parameters=[ProcedureTenantQuery],
        responses={200: ProcedureVersionOutput, **problem_responses(404, 409, 412, 422)},
        examples=[
            example("The first", {"revision": 1, "note": "How we ship.", "based_on_seen": None}, request=True),
            examples.PUBLISHED,
        ],
        tags=TAGS,
    )
    def post(self, request: Request, name: str) -> Response:
        data, principal = self.read(PublishInput, request), self.caller(request)
        said = {"note": data["note"], "based_on_seen": data.get("based_on_seen")}
        version = publishing.publish(name, principal=principal, revision=data["revision"], **said)
        with behind_walls(principal):
            document = procedures.document_of(version)
        return Response({"success": True, **version_document(version), "document": document})
