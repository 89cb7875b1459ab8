"""Agents in the admin: their identity."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest
from unfold.contrib.filters.admin import AllValuesCheckboxFilter
from unfold.decorators import display

from memoryhub.access.admin.base import ServiceAdmin, principal_of
from memoryhub.access.admin.forms import TenantChoice
from memoryhub.access.models import Agent
from memoryhub.access.services import agents


class AgentForm(ModelForm):  # type: ignore[type-arg]
    """A new agent names one of the tenants that the user sees."""

    tenant_id = TenantChoice()

    class Meta:
        model = Agent
        fields = ["tenant_id", "agent_id", "name", "active"]

    def clean_agent_id(self) -> str:
        agent_id: str = self.cleaned_data["agent_id"]
        agents.checked_agent_id(agent_id)
        return agent_id


@admin.register(Agent)
class AgentAdmin(ServiceAdmin):
    form = AgentForm
    list_display = ["agent_id", "name", "tenant_id", "state", "created_at"]
    list_filter = ["active", ("tenant_id", AllValuesCheckboxFilter)]
    search_fields = ["agent_id", "name", "tenant_id"]
    fields = ["tenant_id", "agent_id", "name", "active", "created_at"]

    @display(description="State", label={"active": "success", "off": "danger"})
    def state(self, agent: Agent) -> str:
        return "active" if agent.active else "off"

    def get_readonly_fields(self, request: HttpRequest, obj: Agent | None = None) -> list[str]:
        return ["tenant_id", "agent_id", "created_at"] if obj else ["active", "created_at"]

    def save_model(self, request: HttpRequest, obj: Agent, form: ModelForm[Agent], change: bool) -> None:
        address: Any = {"principal": principal_of(request), "tenant_id": obj.tenant_id, "agent_id": obj.agent_id}
        if change:
            agents.change(**address, name=obj.name, active=obj.active)
        else:
            obj.pk = agents.ensure(**address, name=obj.name).pk
