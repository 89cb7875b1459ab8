"""Doors to what was: versions, restoring, deleting for good, archiving, holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from memoryhub.access.api.pagination import page
from memoryhub.access.api.schema import (
    PAGE_PARAMETERS,
    example,
    page_of,
    problem_responses,
)
from memoryhub.access.api.serializers import Input
from memoryhub.registry.api.context import CHANGING, LOCK_FENCE, EntryView
from memoryhub.registry.api.documents import amended_document, stored_document, version_document
from memoryhub.registry.api.preconditions import if_version
from memoryhub.registry.api.serializers import (
    AmendedOutput,
    ErasedOutput,
    HoldInput,
    NamingPageQuery,
    NamingQuery,
    NeededReasonInput,
    ReasonInput,
    ReinforceInput,
    RestoreInput,
    StoredOutput,
    VersionOutput,
)
from memoryhub.registry.services import deletion, lifecycle, versions

Handler = TypeVar("Handler", bound=Callable[..., Response])
BY_ID: list[Any] = [NamingQuery]


def answer(document: dict[str, Any]) -> Response:
    return Response(document, headers={"ETag": f'"{document["sync_version"]}"'})


class VersionsView(EntryView):
    @extend_schema(
        operation_id="context_versions",
        summary="The versions of an entry",
        description="Newest first. Needs `read`.",
        parameters=[NamingQuery, *PAGE_PARAMETERS],
        responses={200: page_of(VersionOutput), **problem_responses(404, 409)},
        tags=["context"],
    )
    def get(self, request: Request, entry_id: UUID) -> Response:
        query = self.read(NamingPageQuery, request, query=True)
        principal = self.principal(request, query)
        found = versions.of_entry(entry_id, principal=principal)
        return page(
            request,
            found,
            principal=principal,
            query=query,
            render=lambda rows: [version_document(row) for row in rows],
            order=("-version",),
        )


class RestoreView(EntryView):
    permissions = {"POST": "write"}

    @extend_schema(
        operation_id="context_restore",
        summary="Restore a version",
        description="Makes an old version the newest one, also of an archived or deleted entry. Needs `write`.",
        request=RestoreInput,
        responses={200: StoredOutput, **problem_responses(404, 409, 412, 422)},
        parameters=[*BY_ID, *CHANGING],
        examples=[example("Back to version 1", {"version": 1, "reason": "wrong correction"}, request=True)],
        tags=["context"],
    )
    def post(self, request: Request, entry_id: UUID) -> Response:
        data = self.read(RestoreInput, request)
        stored = versions.restore(entry_id, principal=self.caller(request), if_version=if_version(request), **data)
        return answer(stored_document(stored))


def amending(
    name: str, summary: str, description: str, body: type[Input], value: dict[str, Any]
) -> Callable[[Handler], Handler]:
    """Describes a POST that changes an entry beside its value and answers its state."""
    described: Callable[[Handler], Handler] = extend_schema(
        operation_id=f"context_{name}",
        summary=summary,
        description=description,
        request=body,
        responses={200: AmendedOutput, **problem_responses(404, 409, 412, 422)},
        parameters=[*BY_ID, *CHANGING],
        examples=[example(summary, value, request=True)],
        tags=["context"],
    )
    return described


class ArchiveView(EntryView):
    permissions = {"POST": "write"}

    @amending(
        "archive",
        "Archive an entry",
        "Only `include_archived` finds it then. Needs `write`.",
        ReasonInput,
        {"reason": "outdated"},
    )
    def post(self, request: Request, entry_id: UUID) -> Response:
        data = self.read(ReasonInput, request)
        return answer(
            amended_document(
                lifecycle.archive(entry_id, principal=self.caller(request), if_version=if_version(request), **data)
            )
        )


class UnarchiveView(EntryView):
    permissions = {"POST": "write"}

    @amending(
        "unarchive",
        "Bring an archived entry back",
        "If its end has passed, its layer gives it a new one. Needs `write`.",
        ReasonInput,
        {"reason": "needed again"},
    )
    def post(self, request: Request, entry_id: UUID) -> Response:
        data = self.read(ReasonInput, request)
        return answer(
            amended_document(
                lifecycle.unarchive(entry_id, principal=self.caller(request), if_version=if_version(request), **data)
            )
        )


class ReinforceView(EntryView):
    permissions = {"POST": "write"}

    @amending(
        "reinforce",
        "Reinforce an entry",
        "It lasts longer; a short_term entry reinforced three times becomes long_term. Needs `write`.",
        ReinforceInput,
        {"reinforcement_factor": 1.5},
    )
    def post(self, request: Request, entry_id: UUID) -> Response:
        data = self.read(ReinforceInput, request)
        factor = data.pop("reinforcement_factor")
        seen = if_version(request)
        return answer(
            amended_document(
                lifecycle.reinforce(entry_id, principal=self.caller(request), factor=factor, if_version=seen, **data)
            )
        )


class HoldView(EntryView):
    permissions = {"POST": "admin"}

    @amending(
        "hold",
        "Set or lift a legal hold",
        "While it lasts nothing ends, deletes or erases the entry. Needs `admin` and a reason.",
        HoldInput,
        {"on": True, "reason": "case 4711"},
    )
    def post(self, request: Request, entry_id: UUID) -> Response:
        data = self.read(HoldInput, request)
        return answer(
            amended_document(
                lifecycle.hold(entry_id, principal=self.caller(request), if_version=if_version(request), **data)
            )
        )


class EraseView(EntryView):
    permissions = {"POST": "admin"}

    @extend_schema(
        operation_id="context_erase",
        summary="Erase an entry for good",
        description="Removes it with every version and copy, also of a deleted entry. The audit trail keeps version "
        "numbers and digests. 409 under a legal hold. Needs `admin` and a reason.",
        request=NeededReasonInput,
        responses={200: ErasedOutput, **problem_responses(404, 409, 422)},
        parameters=[*BY_ID, LOCK_FENCE],
        examples=[example("A request to be forgotten", {"reason": "request 12 of user 789"}, request=True)],
        tags=["context"],
    )
    def post(self, request: Request, entry_id: UUID) -> Response:
        reason = self.read(NeededReasonInput, request)["reason"]
        deletion.erase(entry_id, principal=self.caller(request), reason=reason)
        return Response({"success": True, "entry_id": str(entry_id)})
