"""The first login and key: made once, on an empty hub only."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.contrib.auth import authenticate
from django.core.management import call_command

from agents_app.models import AgentProfile
from memoryhub.access.models import ApiKey, Tenant
from memoryhub.access.principals import system_principal
from memoryhub.access.services import tenants
from procedures_app.models import Procedure

pytestmark = pytest.mark.django_db


def first_boot() -> str:
    output = StringIO()
    call_command("first_boot", stdout=output)
    return output.getvalue()


def test_an_empty_hub_gets_tenant_login_and_key_once(as_role):
    with as_role("memoryhub_owner"):
        made = json.loads(first_boot())
        staff = authenticate(username=made["login"], password=made["password"])
        assert staff
        assert staff.is_superuser
        assert Tenant.objects.get().tenant_id == "default"
        assert ApiKey.objects.get().scopes == ["read", "write"]
        assert made["api_key"].split("_")[1] == ApiKey.objects.get().public_id
        assert first_boot() == ""


def test_a_hub_in_use_gets_nothing(as_role):
    with as_role("memoryhub_owner"):
        tenants.ensure(principal=system_principal("test"), tenant_id="acme")
        assert first_boot() == ""


def test_the_first_tenant_has_the_published_agents(as_role):
    with as_role("memoryhub_owner"):
        first_boot()
        found = AgentProfile.objects.filter(tenant_id="default").values_list("agent_id", "priority", "retention_days")
        assert sorted(found) == [
            ("alden", "high", 90),
            ("alice", "medium", 60),
            ("mimic", "low", 30),
            ("sentry", "medium", 180),
        ]


def test_the_first_tenant_has_the_procedures_that_come_with_the_hub(as_role):
    with as_role("memoryhub_owner"):
        first_boot()
        assert Procedure.objects.filter(tenant_id="default", current__number=1).count() == 6
