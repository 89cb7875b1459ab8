"""Doors for those who curate knowledge: restore, verify, merge, supersede."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from memoryhub.access.api.schema import IDEMPOTENCY_KEY, example, problem_responses
from memoryhub.access.api.views import HubView
from memoryhub.registry.api.context import IF_MATCH
from memoryhub.registry.api.preconditions import if_version
from procedures_app.api import knowledge_examples as examples
from procedures_app.api.knowledge import TAGS, answer
from procedures_app.api.knowledge_inputs import KnowledgeRestoreInput, MergeInput, SupersedeInput, VerifyInput
from procedures_app.api.knowledge_outputs import KnowledgeOutput
from procedures_app.services import curation

ANSWERS = {(200, "application/json"): KnowledgeOutput, **problem_responses(404, 409, 412, 422)}


class RestoreView(HubView):
    permissions = {"POST": "write"}

    @extend_schema(
        operation_id="knowledge_restore",
        summary="Restore a version of knowledge",
        description="As a new version; what was archived, superseded or merged comes back that way. For its author, "
        "with `write`, and for governors; undoing a merge is for governors.",
        request=KnowledgeRestoreInput,
        responses=ANSWERS,
        parameters=[IDEMPOTENCY_KEY, IF_MATCH],
        examples=[example("The first one", examples.RESTORE, request=True)],
        tags=TAGS,
    )
    def post(self, request: Request, knowledge_id: UUID) -> Response:
        data = self.read(KnowledgeRestoreInput, request)
        principal = self.principal(request, data)
        back = curation.restore(
            knowledge_id,
            data["version"],
            principal=principal,
            if_version=if_version(request),
            reason=data.get("reason", ""),
        )
        return answer(back, principal)


class VerifyView(HubView):
    permissions = {"POST": "admin"}

    @extend_schema(
        operation_id="knowledge_verify",
        summary="Verify knowledge",
        description="Confirms that it is right, or takes that back. Needs `admin`.",
        request=VerifyInput,
        responses=ANSWERS,
        parameters=[IDEMPOTENCY_KEY, IF_MATCH],
        examples=[example("Confirmed", examples.VERIFY, request=True)],
        tags=TAGS,
    )
    def post(self, request: Request, knowledge_id: UUID) -> Response:
        data = self.read(VerifyInput, request)
        principal = self.principal(request, data)
        verified = curation.verify(
            knowledge_id,
            principal=principal,
            verified=data["verified"],
            if_version=if_version(request),
            reason=data.get("reason", ""),
        )
        return answer(verified, principal)


class MergeView(HubView):
    permissions = {"POST": "admin"}

    @extend_schema(
        operation_id="knowledge_merge",
        summary="Merge knowledge",
        description="The one in the address takes in the solutions, errors and occurrences of the other. Restoring a "
        "version of the other from before undoes it. Needs `admin`.",
        request=MergeInput,
        responses=ANSWERS,
        parameters=[IDEMPOTENCY_KEY, IF_MATCH],
        examples=[example("The same problem", examples.MERGE, request=True)],
        tags=TAGS,
    )
    def post(self, request: Request, knowledge_id: UUID) -> Response:
        data = self.read(MergeInput, request)
        principal = self.principal(request, data)
        kept = curation.merge(
            knowledge_id,
            data["drop_id"],
            principal=principal,
            if_version=if_version(request),
            reason=data.get("reason", ""),
        )
        return answer(kept, principal)


class SupersedeView(HubView):
    permissions = {"POST": "admin"}

    @extend_schema(
        operation_id="knowledge_supersede",
        summary="Supersede knowledge",
        description="Newer knowledge takes the place of the one in the address, which is found no more. Needs `admin`.",
        request=SupersedeInput,
        responses=ANSWERS,
        parameters=[IDEMPOTENCY_KEY],
        examples=[example("Newer knowledge", examples.SUPERSEDE, request=True)],
        tags=TAGS,
    )
    def post(self, request: Request, knowledge_id: UUID) -> Response:
        data = self.read(SupersedeInput, request)
        principal = self.principal(request, data)
        old = curation.supersede(knowledge_id, data["by_id"], principal=principal, reason=data.get("reason", ""))
        return answer(old, principal)
