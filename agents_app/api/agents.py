"""Doors to agents: registered, described, switched off and on, and how they stand."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from agents_app import selectors
from agents_app.api.acting import acting_as
from agents_app.api.agent_fields import (
    AboutUserInput,
    AgentFieldsOutput,
    AgentOutput,
    AgentsQuery,
    AgentStatusOutput,
    AllocationOutput,
    CoordinatorOutput,
    ProfileInput,
    RegisteredAgentOutput,
    RegisterInput,
    SwitchInput,
    TenantInput,
    agent_document,
    status_document,
)
from agents_app.models import AgentProfile
from agents_app.services import profiles
from memoryhub.access.api.pagination import page
from memoryhub.access.api.schema import PAGE_PARAMETERS, example, page_of, problem_responses
from memoryhub.access.api.views import HubView
from memoryhub.access.models import Agent
from memoryhub.registry.api import preconditions

IF_MATCH = OpenApiParameter(
    "If-Match",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    required=True,
    pattern='^(?:"[0-9]{1,9}"|\\*)$',
    description='The version of the profile that you saw, as in its ETag: "3".',
)
SENTRY = {
    "agent_id": "sentry",
    "name": "Sentry",
    "issue_key": True,
    "priority": "medium",
    "retention_days": 180,
    "conflict_strategy": "manual_review",
    "memory_types": ["semantic", "contextual"],
    "specialties": ["security", "incidents"],
}


def rendered(agents: list[Agent]) -> list[dict[str, Any]]:
    saved = selectors.profiles_of(agents)
    found = [(agent, saved.get((agent.tenant_id, agent.agent_id))) for agent in agents]
    return [agent_document(agent, own or profiles.blank(agent.tenant_id, agent.agent_id)) for agent, own in found]


def with_version(agent: Agent, profile: AgentProfile) -> Response:
    """The agent, with its profile's version as ETag."""
    answer = Response({"success": True, **agent_document(agent, profile)})
    answer["ETag"] = f'"{profile.version}"'
    return answer


class AgentsView(HubView):
    @extend_schema(
        operation_id="agents",
        summary="The agents",
        description="Those of the tenant with their profiles, by name.",
        parameters=[AgentsQuery, *PAGE_PARAMETERS],
        responses={200: page_of(AgentFieldsOutput), **problem_responses(404)},
        tags=["agents"],
    )
    def get(self, request: Request) -> Response:
        query = self.read(AgentsQuery, request, query=True)
        principal = self.principal(request, {"tenant_id": query.get("tenant_id")})
        return page(
            request,
            selectors.agents(principal=principal, active=query.get("active")),
            principal=principal,
            query=query,
            order=("agent_id", "id"),
            render=lambda found: rendered(list(found)),
        )


class RegisterView(HubView):
    permissions = {"POST": "write"}

    @extend_schema(
        operation_id="agents_register",
        summary="Register an agent",
        description="The agent with its profile; one that is registered stays as it is, and 409 `already_registered` "
        "says that its profile differs. An agent registers itself with `write`; another one, an API key, and what "
        "decides over others' memories (priority, retention, strategy, memory types) need `admin`.",
        request=RegisterInput,
        responses={
            (200, "application/json"): RegisteredAgentOutput,
            (201, "application/json"): RegisteredAgentOutput,
            **problem_responses(404, 409, 422),
        },
        examples=[example("With an API key", SENTRY, request=True)],
        tags=["agents"],
    )
    def post(self, request: Request) -> Response:
        data = self.read(RegisterInput, request)
        self.keeps_answer = not data["issue_key"]
        principal = self.principal(request, {"tenant_id": data.pop("tenant_id", None)})
        made = profiles.register(principal=principal, **data)
        answer = agent_document(made.agent, made.profile) | {"created": made.created, "api_key": made.api_key}
        return Response({"success": True, **answer}, status=201 if made.created else 200)


class ProfileView(HubView):
    permissions = {"PATCH": "write"}

    @extend_schema(
        operation_id="agents_profile",
        summary="An agent's profile",
        description="For the agent's own key, a key of no agent, and `admin`. Its version is the ETag.",
        parameters=[TenantInput],
        responses={(200, "application/json"): AgentOutput, **problem_responses(404)},
        tags=["agents"],
    )
    def get(self, request: Request, agent_id: str) -> Response:
        data = self.read(TenantInput, request, query=True)
        principal = acting_as(self, request, agent_id, data, inactive=True)
        found = selectors.agent(agent_id, principal=principal)
        return with_version(found, profiles.of_agent(agent_id, principal=principal))

    @extend_schema(
        operation_id="agents_profile_change",
        summary="Change an agent's profile",
        description="Only what is sent changes. Needs If-Match. An agent may change with `write` what it says of "
        "itself (specialties, capabilities, description); the rest needs `admin`.",
        parameters=[IF_MATCH],
        request=ProfileInput,
        responses={(200, "application/json"): AgentOutput, **problem_responses(404, 412, 428)},
        examples=[example("Longer", {"retention_days": 120}, request=True)],
        tags=["agents"],
    )
    def patch(self, request: Request, agent_id: str) -> Response:
        data = self.read(ProfileInput, request)
        principal = acting_as(self, request, agent_id, data, inactive=True)
        condition = preconditions.required(request)
        data.pop("tenant_id", None)
        changed = profiles.change(agent_id, principal=principal, if_version=condition.get("if_version"), **data)
        return with_version(selectors.agent(agent_id, principal=principal), changed)


class SwitchView(HubView):
    permissions = {"POST": "admin"}
    active = True

    def switched(self, request: Request, agent_id: str) -> Response:
        data = self.read(SwitchInput, request)
        principal = self.principal(request, {"tenant_id": data.get("tenant_id")})
        switch = profiles.activate if self.active else profiles.deactivate
        agent = switch(agent_id, principal=principal, reason=data.get("reason", ""))
        profile = profiles.of_agent(agent_id, principal=principal)
        return Response({"success": True, **agent_document(agent, profile)})


class DeactivateView(SwitchView):
    active = False

    @extend_schema(
        operation_id="agents_deactivate",
        summary="Switch an agent off",
        description="Its keys stop working, nobody can share with it, it is not synced; its memories stay. "
        "Repeating it changes nothing. Needs `admin`.",
        request=SwitchInput,
        responses={(200, "application/json"): AgentOutput, **problem_responses(404, 422)},
        examples=[example("Retired", {"reason": "Replaced by another assistant."}, request=True)],
        tags=["agents"],
    )
    def post(self, request: Request, agent_id: str) -> Response:
        return self.switched(request, agent_id)


class ActivateView(SwitchView):
    @extend_schema(
        operation_id="agents_activate",
        summary="Switch an agent on again",
        description="Its keys work again. Repeating it changes nothing. Needs `admin`.",
        request=SwitchInput,
        responses={(200, "application/json"): AgentOutput, **problem_responses(404, 422)},
        tags=["agents"],
    )
    def post(self, request: Request, agent_id: str) -> Response:
        return self.switched(request, agent_id)


class AgentStatusView(HubView):
    @extend_schema(
        operation_id="agents_agent_status",
        summary="How an agent stands",
        description="Profile, memories, locks, open conflicts, replicas, last sync, position of its change feed. "
        "For the agent's own key, a key of no agent, and `admin`.",
        parameters=[TenantInput],
        responses={(200, "application/json"): AgentStatusOutput, **problem_responses(404)},
        tags=["agents"],
    )
    def get(self, request: Request, agent_id: str) -> Response:
        data = self.read(TenantInput, request, query=True)
        principal = acting_as(self, request, agent_id, data, inactive=True)
        return Response({"success": True, **status_document(selectors.status(agent_id, principal=principal))})


class CoordinatorView(HubView):
    @extend_schema(
        operation_id="agents_status",
        summary="How the coordination of all agents stands",
        description="Figures of the tenant, read from the database at this moment.",
        parameters=[TenantInput],
        responses={(200, "application/json"): CoordinatorOutput, **problem_responses(404)},
        tags=["agents"],
    )
    def get(self, request: Request) -> Response:
        principal = self.principal(request, self.read(TenantInput, request, query=True))
        return Response({"success": True, **selectors.coordinator_status(principal=principal)})


class AllocationView(HubView):
    @extend_schema(
        operation_id="agents_allocation",
        summary="Which agent keeps how much",
        description="Agent-scoped memories about one user, or all of the tenant, counted exactly at this moment.",
        parameters=[AboutUserInput],
        responses={(200, "application/json"): AllocationOutput, **problem_responses(404)},
        tags=["agents"],
    )
    def get(self, request: Request) -> Response:
        data = self.read(AboutUserInput, request, query=True)
        found = selectors.allocation(data.get("user_id"), principal=self.principal(request, data))
        return Response({"success": True, **found.document()})
