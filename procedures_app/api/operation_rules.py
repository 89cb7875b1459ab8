"""Doors to the rules of what needs a consultation."""

from __future__ import annotations

import re

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from memoryhub.access.api.pagination import page
from memoryhub.access.api.schema import PAGE_PARAMETERS, example, page_of, problem_responses
from memoryhub.access.api.views import HubView
from memoryhub.access.exceptions import Invalid
from memoryhub.access.principals import Principal
from procedures_app.api import operation_examples as examples
from procedures_app.api.operation_inputs import EnforcementRuleInput, RulesQuery, TenantQuery
from procedures_app.api.operation_outputs import (
    EnforcementRuleOutput,
    EnforcementRuleRemovedOutput,
    EnforcementRuleSavedOutput,
    rule_document,
)
from procedures_app.models import EnforcementRule
from procedures_app.services import enforcement

TAGS = ["procedures"]
VERSION = re.compile(r'"([1-9][0-9]{0,8})"')
IF_MATCH = OpenApiParameter(
    "If-Match",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description='The version of the rule that you saw, in quotes; 412 if it is another: "3".',
)
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match", OpenApiTypes.STR, OpenApiParameter.HEADER, description="* to make a rule only where there is none."
)


def seen_version(request: Request) -> int | None:
    """The version in If-Match; 0 for If-None-Match: *; None where neither is sent."""
    wanted, absent = request.META.get("HTTP_IF_MATCH"), request.META.get("HTTP_IF_NONE_MATCH")
    if wanted is not None and absent is not None:
        raise Invalid("If-Match", "Send either If-Match or If-None-Match.")
    if absent is not None:
        if absent.strip() != "*":
            raise Invalid("If-None-Match", "Only If-None-Match: * is understood: make the rule if there is none.")
        return 0
    match = VERSION.fullmatch((wanted or "").strip())
    if wanted is not None and match is None:
        raise Invalid("If-Match", 'Send the version in quotes, for example If-Match: "3".')
    return int(match[1]) if match else None


class RulesView(HubView):
    @extend_schema(
        operation_id="operation_rules",
        summary="What is enforced",
        description="The rules of the tenant by kind of work: `*` holds for kinds without a rule of their own, "
        "`memory_write` for all that agents write. Needs `read`.",
        parameters=[RulesQuery, *PAGE_PARAMETERS],
        responses={(200, "application/json"): page_of(EnforcementRuleOutput), **problem_responses(404)},
        tags=TAGS,
    )
    def get(self, request: Request) -> Response:
        query = self.read(RulesQuery, request, query=True)
        principal = self.principal(request, query)
        return page(
            request,
            EnforcementRule.objects.visible_to(principal).select_related("procedure"),
            principal=principal,
            query=query,
            render=lambda rows: [rule_document(row) for row in rows],
            order=("kind", "id"),
        )


class RuleView(HubView):
    permissions = {"PUT": "admin", "DELETE": "admin"}
    consults = False

    @extend_schema(
        operation_id="operation_rule_set",
        summary="Set what is enforced for a kind of work",
        description="`off`, `advise` or `strict` (428 without a consultation), and the procedure that has to be "
        "followed. Other processes hear of it within access.key_cache_seconds. Needs `admin`.",
        request=EnforcementRuleInput,
        parameters=[IF_MATCH, IF_NONE_MATCH],
        responses={(200, "application/json"): EnforcementRuleSavedOutput, **problem_responses(404, 409, 412)},
        examples=[example("Deployments ask first", examples.RULE, request=True)],
        tags=TAGS,
    )
    def put(self, request: Request, kind: str) -> Response:
        data = self.read(EnforcementRuleInput, request)
        principal = self.principal(request, {"tenant_id": data.pop("tenant_id", None)})
        rule = enforcement.set_rule(kind, principal=principal, if_version=seen_version(request), **data)
        document = {"success": True, "rule": rule_document(rule)}
        return Response(document, headers={"ETag": f'"{rule.version}"'})

    @extend_schema(
        operation_id="operation_rule_remove",
        summary="Remove a rule",
        description="What holds then is the rule of `*`, or the hub's setting. Needs `admin`.",
        parameters=[TenantQuery, IF_MATCH],
        responses={(200, "application/json"): EnforcementRuleRemovedOutput, **problem_responses(404, 412)},
        tags=TAGS,
    )
    def delete(self, request: Request, kind: str) -> Response:
        principal = self.principal(request, self.read(TenantQuery, request, query=True))
        removed = enforcement.remove_rule(kind, principal=principal, if_version=seen_version(request))
        return Response({"success": True, "kind": removed, "mode": now_for(removed, principal)})


def now_for(kind: str, principal: Principal) -> str:
    return enforcement.rule_for(kind, principal=principal).mode
