"""Doors to sharing rules, category aliases, the sharing matrix and re-granting."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from agents_app import selectors_sharing
from agents_app.api.sharing_inputs import (
    AliasInput,
    AliasOutput,
    AliasQuery,
    AliasRemovedOutput,
    AliasSavedOutput,
    MatrixOutput,
    PreviewInput,
    PreviewOutput,
    RegrantOutput,
    RuleChangeInput,
    RuleInput,
    RuleOutput,
    RuleSavedOutput,
    RulesQuery,
    TenantPageQuery,
    TenantQuery,
    alias_document,
    matrix_document,
    preview_document,
    regrant_document,
    rule_document,
)
from agents_app.services import categories, matrix, sharing
from agents_app.services.matrix_cells import CellChange
from agents_app.services.sharing import RuleChange, Saved
from memoryhub.access.api.pagination import page
from memoryhub.access.api.schema import IDEMPOTENCY_KEY, PAGE_PARAMETERS, example, page_of, problem_responses
from memoryhub.access.api.views import HubView
from memoryhub.registry.api.context import IF_MATCH
from memoryhub.registry.api.preconditions import required

RULE_EXAMPLE = example(
    "Preferences for two agents",
    {"category": "user_preferences", "action": "share", "to_agents": ["alden", "mimic"], "can_write": False},
    request=True,
)


def saved_document(saved: Saved) -> dict[str, Any]:
    return {
        "success": True,
        "rule": rule_document(saved.rules[0]) if saved.rules else None,
        "regrant": regrant_document(saved.regrant) if saved.regrant else None,
    }


def seen_version(request: Request) -> int | None:
    """The version in If-Match; None for ``*``. Raises VersionRequired without."""
    found = required(request)
    return found.get("if_version")


class RulesView(HubView):
    permissions = {"POST": "admin"}

    @extend_schema(
        operation_id="agents_sharing_rules",
        summary="The sharing rules",
        description="Needs `read`.",
        parameters=[RulesQuery, *PAGE_PARAMETERS],
        responses={200: page_of(RuleOutput), **problem_responses(404)},
        tags=["agents"],
    )
    def get(self, request: Request) -> Response:
        query = self.read(RulesQuery, request, query=True)
        principal = self.principal(request, {"tenant_id": query.get("tenant_id")})
        filters = {name: query.get(name) for name in ("category", "agent_id", "action")}
        return page(
            request,
            selectors_sharing.rules(principal=principal, **filters),
            principal=principal,
            query=query,
            render=lambda rows: [rule_document(row) for row in rows],
        )

    @extend_schema(
        operation_id="agents_sharing_rule_make",
        summary="Make a sharing rule",
        description="It holds for what is stored from now on, at once; a job brings stored memories in line. 409 where "
        "there is a rule of this kind for this category and agent. Needs `admin`.",
        request=RuleInput,
        parameters=[IDEMPOTENCY_KEY],
        responses={201: RuleSavedOutput, **problem_responses(404, 409, 422)},
        examples=[RULE_EXAMPLE],
        tags=["agents"],
    )
    def post(self, request: Request) -> Response:
        data = self.read(RuleInput, request)
        principal = self.principal(request, {"tenant_id": data.pop("tenant_id", None)})
        reason = data.pop("reason", "")
        saved = sharing.save_rules([RuleChange(**data)], principal=principal, reason=reason)
        return Response(saved_document(saved), status=201)


class RuleView(HubView):
    permissions = {"PATCH": "admin", "DELETE": "admin"}

    @extend_schema(
        operation_id="agents_sharing_rule_change",
        summary="Change a sharing rule",
        description="Needs `admin` and the rule's version in If-Match.",
        request=RuleChangeInput,
        parameters=[TenantQuery, IF_MATCH],
        responses={200: RuleSavedOutput, **problem_responses(404, 409, 412, 428)},
        examples=[example("Switched off", {"active": False}, request=True)],
        tags=["agents"],
    )
    def patch(self, request: Request, rule_id: UUID) -> Response:
        seen = seen_version(request)
        data = self.read(RuleChangeInput, request)
        principal = self.principal(request, self.read(TenantQuery, request, query=True))
        reason = data.pop("reason", "")
        rule = sharing.of_id(rule_id, principal=principal)
        change = sharing.as_change(rule, if_version=seen or rule.version, **data)
        return Response(saved_document(sharing.save_rules([change], principal=principal, reason=reason)))

    @extend_schema(
        operation_id="agents_sharing_rule_remove",
        summary="Remove a sharing rule",
        description="The grants it made go with it. Needs `admin` and the rule's version in If-Match.",
        parameters=[TenantQuery, IF_MATCH],
        responses={200: RuleSavedOutput, **problem_responses(404, 412, 428)},
        tags=["agents"],
    )
    def delete(self, request: Request, rule_id: UUID) -> Response:
        seen = seen_version(request)
        principal = self.principal(request, self.read(TenantQuery, request, query=True))
        change = RuleChange(rule_id=rule_id, if_version=seen, delete=True)
        return Response(saved_document(sharing.save_rules([change], principal=principal)))


class AliasesView(HubView):
    permissions = {"POST": "admin", "DELETE": "admin"}

    @extend_schema(
        operation_id="agents_category_aliases",
        summary="Aliases of categories",
        description="Needs `read`.",
        parameters=[TenantPageQuery, *PAGE_PARAMETERS],
        responses={200: page_of(AliasOutput), **problem_responses(404)},
        tags=["agents"],
    )
    def get(self, request: Request) -> Response:
        query = self.read(TenantPageQuery, request, query=True)
        principal = self.principal(request, {"tenant_id": query.get("tenant_id")})
        return page(
            request,
            selectors_sharing.aliases(principal=principal),
            principal=principal,
            query=query,
            render=lambda rows: [alias_document(row) for row in rows],
            order=("alias",),
        )

    @extend_schema(
        operation_id="agents_category_alias_make",
        summary="Let a word stand for a category",
        description="What is stored under the alias is stored under the category. 409 where it stands for another "
        "one. Needs `admin`.",
        request=AliasInput,
        parameters=[IDEMPOTENCY_KEY],
        responses={201: AliasSavedOutput, **problem_responses(404, 409, 422)},
        examples=[example("A short form", {"alias": "preference", "category": "user_preferences"}, request=True)],
        tags=["agents"],
    )
    def post(self, request: Request) -> Response:
        data = self.read(AliasInput, request)
        principal = self.principal(request, {"tenant_id": data.pop("tenant_id", None)})
        alias = categories.save_alias(principal=principal, **data)
        return Response({"success": True, "alias": alias_document(alias)}, status=201)

    @extend_schema(
        operation_id="agents_category_alias_remove",
        summary="Forget an alias",
        description="Memories stored under it keep the category. Needs `admin`.",
        parameters=[AliasQuery],
        responses={200: AliasRemovedOutput, **problem_responses(404)},
        tags=["agents"],
    )
    def delete(self, request: Request) -> Response:
        query = self.read(AliasQuery, request, query=True)
        principal = self.principal(request, {"tenant_id": query.get("tenant_id")})
        categories.remove_alias(principal=principal, alias=query["alias"])
        return Response({"success": True, "alias": query["alias"]})


class MatrixView(HubView):
    @extend_schema(
        operation_id="agents_sharing_matrix",
        summary="The sharing matrix",
        description="For every category and agent what the rules allow, and how many memories that concerns. "
        "Needs `read`.",
        parameters=[TenantQuery],
        responses={(200, "application/json"): MatrixOutput, **problem_responses(404)},
        tags=["agents"],
    )
    def get(self, request: Request) -> Response:
        query = self.read(TenantQuery, request, query=True)
        return Response(matrix_document(matrix.effective(principal=self.principal(request, query))))


class MatrixPreviewView(HubView):
    permissions = {"POST": "admin"}
    repeatable = False
    consults = False

    @extend_schema(
        operation_id="agents_sharing_matrix_preview",
        summary="What a change of the matrix would do",
        description="Counts exactly how many memories each agent would get and lose. Changes nothing. Needs `admin`.",
        request=PreviewInput,
        responses={200: PreviewOutput, **problem_responses(404, 409)},
        examples=[
            example(
                "Mimic reads preferences",
                {"changes": [{"category": "user_preferences", "agent_id": "mimic", "letters": "R"}]},
                request=True,
            )
        ],
        tags=["agents"],
    )
    def post(self, request: Request) -> Response:
        data = self.read(PreviewInput, request)
        principal = self.principal(request, {"tenant_id": data.get("tenant_id")})
        changes = [CellChange(**dict(cell)) for cell in data["changes"]]
        return Response(preview_document(matrix.preview(changes, principal=principal)))


class RegrantsView(HubView):
    @extend_schema(
        operation_id="agents_regrants",
        summary="Work that changed rules left to do",
        description="Newest first, with its progress. Needs `read`.",
        parameters=[TenantPageQuery, *PAGE_PARAMETERS],
        responses={200: page_of(RegrantOutput), **problem_responses(404)},
        tags=["agents"],
    )
    def get(self, request: Request) -> Response:
        query = self.read(TenantPageQuery, request, query=True)
        principal = self.principal(request, {"tenant_id": query.get("tenant_id")})
        return page(
            request,
            selectors_sharing.regrants(principal=principal),
            principal=principal,
            query=query,
            render=lambda rows: [regrant_document(row) for row in rows],
        )
