"""Doors to many entries at a time."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from memoryhub.access.api import problems
from memoryhub.access.api.schema import example, problem_responses
from memoryhub.access.api.views import HubView, checker
from memoryhub.access.exceptions import HubError, NotFound
from memoryhub.registry.api.documents import entry_json, stored_document
from memoryhub.registry.api.serializers import BatchGetInput, BatchGetOutput, BatchInput, BatchOutput, StoreInput
from memoryhub.registry.services import batches
from memoryhub.registry.services.drafts import Draft
from memoryhub.registry.services.records import Entry


def draft_of(item: Any) -> Draft | HubError:
    """The draft that an item describes, or what is wrong with it."""
    try:
        return Draft(**checker(StoreInput).run_validation(item))
    except ValidationError as error:
        return problems.invalid(error)


class BatchView(HubView):
    permissions = {"POST": "write"}

    @extend_schema(
        operation_id="context_batch",
        summary="Store many entries",
        description="Up to 500 entries in one transaction, each with a result of its own: one that is refused harms "
        "no other. Needs `write`.",
        request=BatchInput,
        responses={200: BatchOutput, **problem_responses(422)},
        examples=[
            example("Two entries", {"entries": [{"key": "a", "value": 1}, {"key": "b", "value": "two"}]}, request=True)
        ],
        tags=["context"],
    )
    def post(self, request: Request) -> Response:
        drafts = [draft_of(item) for item in self.read(BatchInput, request)["entries"]]
        self.keeps_answer = not any(isinstance(draft, Draft) and draft.encrypted for draft in drafts)
        outcomes = batches.store_many(drafts, principal=self.principal(request))
        results = [{"index": index, **self.result(request, outcome)} for index, outcome in enumerate(outcomes)]
        failed = sum(not result["success"] for result in results)
        return Response({"success": not failed, "stored": len(results) - failed, "failed": failed, "results": results})

    def result(self, request: Request, outcome: batches.Outcome) -> dict[str, Any]:
        if isinstance(outcome, HubError):
            request_id: str = request.request_id  # type: ignore[attr-defined]
            return problems.body(outcome, problems.status_of(outcome), request_id)
        return stored_document(outcome)


class BatchGetView(HubView):
    @extend_schema(
        operation_id="context_batch_get",
        summary="Read many entries",
        description="By ids, or by keys as retrieve finds them. A result for each, in the order asked. Needs `read`.",
        request=BatchGetInput,
        responses={200: BatchGetOutput, **problem_responses()},
        examples=[example("By keys", {"keys": ["a", "b"], "scope": "tenant"}, request=True)],
        tags=["context"],
    )
    def post(self, request: Request) -> HttpResponse:
        data = self.read(BatchGetInput, request)
        principal = self.principal(request, data)
        archived = data.get("include_archived", False)
        asked = data.get("ids") or data["keys"]
        if "ids" in data:
            found = batches.get_many(asked, principal=principal, include_archived=archived)
        else:
            found = batches.retrieve_many(
                asked,
                principal=principal,
                scope=data.get("scope"),
                agent_id=data.get("agent_id"),
                include_archived=archived,
            )
        name = "entry_id" if "ids" in data else "key"
        return rendered([(name, str(wanted), entry) for wanted, entry in zip(asked, found, strict=True)])


def rendered(results: list[tuple[str, str, Entry | NotFound]]) -> HttpResponse:
    documents = [
        entry_json(entry) if isinstance(entry, Entry) else missing(name, wanted) for name, wanted, entry in results
    ]
    found = sum(isinstance(entry, Entry) for _, _, entry in results)
    body = f'{{"success":true,"found":{found},"missing":{len(results) - found},"results":[{",".join(documents)}]}}'
    return HttpResponse(body, content_type="application/json")


def missing(name: str, wanted: str) -> str:
    return json.dumps({"success": False, name: wanted, "code": NotFound.code}, ensure_ascii=False)
