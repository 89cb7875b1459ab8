"""Doors to knowledge: captured, found, matched to errors, changed by versions."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from memoryhub.access.api.pagination import page
from memoryhub.access.api.schema import IDEMPOTENCY_KEY, PAGE_PARAMETERS, example, page_of, problem_responses
from memoryhub.access.api.views import HubView
from memoryhub.access.principals import Principal
from memoryhub.registry.api.context import IF_MATCH
from memoryhub.registry.api.preconditions import if_version, required
from procedures_app.api import knowledge_examples as examples
from procedures_app.api.knowledge_inputs import (
    ArchiveQuery,
    CaptureInput,
    FeedbackInput,
    KnowledgeChangeInput,
    KnowledgeQuery,
    KnowledgeSearchInput,
    MatchInput,
    OneQuery,
    SolutionInput,
    VersionsQuery,
)
from procedures_app.api.knowledge_outputs import (
    CapturedOutput,
    KnowledgeFieldsOutput,
    KnowledgeOutput,
    KnowledgeSearchOutput,
    KnowledgeVersionOutput,
    MatchesOutput,
    SolutionAnswer,
    knowledge_fields,
    match_fields,
    solution_fields,
    version_fields,
    with_solutions,
)
from procedures_app.models import Knowledge
from procedures_app.services import curation, knowledge, problems, solutions

TAGS = ["procedures"]
WRITTEN: tuple[str, ...] = (
    "title", "content", "knowledge_type", "tags", "importance", "solution", "error", "private",
)  # fmt: skip


def answer(shown: Knowledge, principal: Principal, **more: Any) -> Response:
    """One piece of knowledge with its solutions; its version is the ETag."""
    without = more.get("created") and not shown.solution
    found = [] if without else knowledge.solutions_of(shown, principal=principal)
    body = {"success": True, **more, "knowledge": with_solutions(shown, found)}
    return Response(body, headers={"ETag": f'"{shown.version}"'})


class KnowledgeView(HubView):
    permissions = {"POST": "write"}

    @extend_schema(
        operation_id="knowledge_capture",
        summary="Capture knowledge",
        description="An error pattern, or anything with an error, is a problem: it is known by the signature of its "
        "error, and captured again adds to the known one. Needs `write`.",
        request=CaptureInput,
        responses={(200, "application/json"): CapturedOutput, **problem_responses(404, 409, 422)},
        parameters=[IDEMPOTENCY_KEY],
        examples=[example("An error pattern", examples.PATTERN, request=True)],
        tags=TAGS,
    )
    def post(self, request: Request) -> Response:
        data = self.read(CaptureInput, request)
        principal = self.principal(request, data)
        said = {name: data[name] for name in WRITTEN if name in data}
        captured = knowledge.capture(principal=principal, **said)
        return answer(captured.knowledge, principal, created=captured.created)

    @extend_schema(
        operation_id="knowledge_list",
        summary="List knowledge",
        description="By type, tag, text and state; the latest captured first. Needs `read`.",
        parameters=[KnowledgeQuery, *PAGE_PARAMETERS],
        responses={(200, "application/json"): page_of(KnowledgeFieldsOutput, "KnowledgePage"), **problem_responses()},
        tags=TAGS,
    )
    def get(self, request: Request) -> Response:
        data = self.read(KnowledgeQuery, request, query=True)
        principal = self.principal(request, data)
        rows = knowledge.of(
            principal=principal,
            knowledge_type=data.get("knowledge_type"),
            tags=[tag.strip() for tag in data["tag"].split(",") if tag.strip()] if "tag" in data else None,
            verified=data["verified"],
            status=data["status"],
            error_type=data.get("error_type"),
            text=data.get("text", ""),
        )
        return page(
            request,
            rows,
            principal=principal,
            query=data,
            render=lambda found: [knowledge_fields(row) for row in found],
        )


class SearchView(HubView):
    @extend_schema(
        operation_id="knowledge_search",
        summary="Search knowledge",
        description="By words and meaning, among what is active. Needs `read`.",
        request=KnowledgeSearchInput,
        responses={(200, "application/json"): KnowledgeSearchOutput, **problem_responses()},
        examples=[example("About time-outs", examples.SEARCH, request=True)],
        tags=TAGS,
    )
    def post(self, request: Request) -> Response:
        data = self.read(KnowledgeSearchInput, request)
        principal = self.principal(request, data)
        found = knowledge.search(
            data["query"],
            principal=principal,
            knowledge_type=data.get("knowledge_type"),
            tags=data.get("tags"),
            mode=data["mode"],
            limit=data["limit"],
        )
        results = knowledge.found(found, principal=principal)
        return Response(
            {
                "success": True,
                "query": found.query,
                "mode": found.mode,
                "result_count": len(results),
                "results": [knowledge_fields(row) | {"score": score} for row, score in results],
                "degraded": found.degraded,
                "notice": found.notice,
            }
        )


class MatchView(HubView):
    @extend_schema(
        operation_id="knowledge_match",
        summary="Match an error to known problems",
        description="The likeliest first, each with the probability that it is the same problem and its solutions. "
        "Nothing is kept: send what you met to `errors`. Needs `read`.",
        request=MatchInput,
        responses={(200, "application/json"): MatchesOutput, **problem_responses()},
        examples=[example("An error", examples.MATCH, request=True), example("What it may be", examples.MATCHED)],
        tags=TAGS,
    )
    def post(self, request: Request) -> Response:
        data = self.read(MatchInput, request)
        principal = self.principal(request, data)
        error_type = data.get("error_type", "")
        found = problems.match(data["message"], principal=principal, error_type=error_type, limit=data["limit"])
        read = problems.read(data["message"], error_type)
        return Response(
            {
                "success": True,
                "signature": read.signature,
                "error_type": read.error_type,
                "template": read.template,
                "matches": [match_fields(one) for one in found],
            }
        )


class FeedbackView(HubView):
    permissions = {"POST": "write"}

    @extend_schema(
        operation_id="knowledge_feedback",
        summary="Say whether a solution worked",
        description="Moves its success rate. About one error, or one operation, it counts once: said again, the new "
        "answer takes the place of the former one. Needs `write`.",
        request=FeedbackInput,
        responses={(200, "application/json"): SolutionAnswer, **problem_responses(404, 409, 422)},
        parameters=[IDEMPOTENCY_KEY],
        examples=[example("It worked", examples.FEEDBACK, request=True)],
        tags=TAGS,
    )
    def post(self, request: Request) -> Response:
        data = self.read(FeedbackInput, request)
        moved = solutions.feedback(
            data["solution_id"],
            principal=self.principal(request, data),
            worked=data["worked"],
            error_id=data.get("error_id"),
            operation_id=data.get("operation_id"),
            note=data.get("note", ""),
        )
        return Response({"success": True, "solution": solution_fields(moved)})


class OneView(HubView):
    permissions = {"PATCH": "write", "DELETE": "write"}

    @extend_schema(
        operation_id="knowledge_get",
        summary="Read knowledge by its id",
        description="With its solutions, the surest first. Needs `read`.",
        parameters=[OneQuery],
        responses={(200, "application/json"): KnowledgeOutput, **problem_responses(404)},
        tags=TAGS,
    )
    def get(self, request: Request, knowledge_id: UUID) -> Response:
        principal = self.principal(request, self.read(OneQuery, request, query=True))
        return answer(knowledge.get(knowledge_id, principal=principal), principal)

    @extend_schema(
        operation_id="knowledge_change",
        summary="Change knowledge",
        description="Makes a new version. What an agent changes has to be verified anew. Needs `write` and the version "
        "that you saw in If-Match: 428 without, 412 when it has moved on.",
        request=KnowledgeChangeInput,
        responses={(200, "application/json"): KnowledgeOutput, **problem_responses(404, 409, 412, 428)},
        parameters=[OneQuery, IF_MATCH],
        examples=[example("Another title", examples.CHANGE, request=True)],
        tags=TAGS,
    )
    def patch(self, request: Request, knowledge_id: UUID) -> Response:
        seen = required(request)
        said = self.read(KnowledgeChangeInput, request)
        principal = self.principal(request, self.read(OneQuery, request, query=True))
        changed = knowledge.change(knowledge_id, principal=principal, if_version=seen.get("if_version"), **said)
        return answer(changed, principal)

    @extend_schema(
        operation_id="knowledge_archive",
        summary="Archive knowledge",
        description="It is found no more and can be restored. For its author, with `write`, and for governors.",
        parameters=[ArchiveQuery, IF_MATCH],
        responses={(200, "application/json"): KnowledgeOutput, **problem_responses(404, 409, 412)},
        tags=TAGS,
    )
    def delete(self, request: Request, knowledge_id: UUID) -> Response:
        data = self.read(ArchiveQuery, request, query=True)
        principal = self.principal(request, data)
        gone = curation.archive(
            knowledge_id, principal=principal, if_version=if_version(request), reason=data.get("reason", "")
        )
        return answer(gone, principal)


class VersionsView(HubView):
    @extend_schema(
        operation_id="knowledge_versions",
        summary="Versions of knowledge",
        description="Each with its author and reason, the latest first. Needs `read`.",
        parameters=[VersionsQuery, *PAGE_PARAMETERS],
        responses={
            (200, "application/json"): page_of(KnowledgeVersionOutput, "KnowledgeVersionPage"),
            **problem_responses(404),
        },
        tags=TAGS,
    )
    def get(self, request: Request, knowledge_id: UUID) -> Response:
        data = self.read(VersionsQuery, request, query=True)
        principal = self.principal(request, data)
        return page(
            request,
            knowledge.versions(knowledge_id, principal=principal),
            principal=principal,
            query=data,
            order=("-version", "-id"),
            render=lambda found: [version_fields(row) for row in found],
        )


class SolutionsView(HubView):
    permissions = {"POST": "write"}

    @extend_schema(
        operation_id="knowledge_add_solution",
        summary="Add a solution",
        description="The known one where it says the same. Needs `write`.",
        request=SolutionInput,
        responses={(200, "application/json"): SolutionAnswer, **problem_responses(404, 409, 422)},
        parameters=[IDEMPOTENCY_KEY],
        examples=[example("What to do", examples.SOLUTION, request=True)],
        tags=TAGS,
    )
    def post(self, request: Request, knowledge_id: UUID) -> Response:
        data = self.read(SolutionInput, request)
        added = solutions.add(
            knowledge_id,
            principal=self.principal(request, data),
            text=data["text"],
            procedure=data.get("procedure", ""),
        )
        return Response({"success": True, "solution": solution_fields(added)})
