"""Agents, their syncs and replicas in the admin."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from agents_app.models import AgentProfile, ChangeFeed, Replica, SyncRun
from agents_app.services import defaults, profiles, sync_steps, syncing
from memoryhub.access.models import Agent, Tenant
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import agents, tenants
from memoryhub.access.walls import behind_walls
from memoryhub.registry.services import entries
from memoryhub.registry.services.drafts import Draft

SYSTEM = system_principal("test", "acme")
LISTS = ["agentprofile", "syncrun", "replica", "pushedchange", "changefeed", "feeditem"]


@pytest.fixture
def acme(tenant: str) -> str:
    """A tenant with the standard agents."""
    defaults.install(principal=SYSTEM, tenant_id=tenant)
    return tenant


def profile(agent_id: str = "alden") -> AgentProfile:
    return profiles.of_agent(agent_id, principal=SYSTEM)


def page(pk: Any, model: str = "agentprofile") -> str:
    return reverse(f"admin:agents_app_{model}_change", args=[pk])


def verb(name: str, agent_id: str = "alden") -> str:
    return reverse("admin:agents_app_agentprofile_verb", args=[profile(agent_id).pk, name])


def form_of(browser: Client, agent_id: str = "alden") -> dict[str, Any]:
    """What the browser would send without a change."""
    shown = browser.get(page(profile(agent_id).pk)).context["adminform"].form
    fields = {name: shown.initial.get(name) for name in shown.fields}
    sent = {name: ",".join(value) if isinstance(value, list) else value for name, value in fields.items()}
    return {name: "" if value is None else value for name, value in sent.items()}


@pytest.mark.parametrize("model", LISTS)
def test_lists_are_for_staff_and_read_in_few_queries(
    model: str, acme: str, sign_in: Any, django_assert_max_num_queries: Any
) -> None:
    address = reverse(f"admin:agents_app_{model}_changelist")
    assert Client().get(address).status_code == 302
    syncing.sync_all(principal=SYSTEM)
    with behind_walls(SYSTEM):
        for n in range(12):
            Replica.objects.create(tenant_id=acme, agent_id="alden", name=f"laptop {n}", epoch=1)
    browser = sign_in("Auditor")
    with django_assert_max_num_queries(16):
        assert browser.get(address).status_code == 200


def test_the_page_shows_what_the_agent_keeps(acme: str, sign_in: Any) -> None:
    alden = Principal(kind="key", name="k", tenant_id=acme, agent_id="alden", permissions=frozenset({"read", "write"}))
    entries.store(Draft(key="k", value="v", scope="agent", category="user_preferences"), principal=alden)
    shown = sign_in("Auditor").get(page(profile().pk)).content.decode()
    assert "1 own, 1 of them shared with others" in shown
    assert "episodic 1" in shown
    assert 'name="priority"' not in shown


def test_a_profile_is_edited_through_the_service(acme: str, sign_in: Any) -> None:
    browser = sign_in("Administrator")
    sent = form_of(browser) | {"priority": "critical", "memory_types": "semantic, working", "retention_days": ""}
    answer = browser.post(page(profile().pk), sent)
    assert answer.status_code == 302, answer.content.decode()
    found = profile()
    assert (found.priority, found.memory_types, found.retention_days, found.version) == (
        "critical",
        ["semantic", "working"],
        None,
        2,
    )


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [("memory_types", "semantic,vague", "Choose one of"), ("retention_days", "0", "Name 1 to"), ("priority", "x", "x")],
)
def test_what_is_wrong_stands_beside_its_field(field: str, value: str, says: str, acme: str, sign_in: Any) -> None:
    browser = sign_in("Administrator")
    answer = browser.post(page(profile().pk), form_of(browser) | {field: value})
    assert answer.status_code == 200
    assert says in str(answer.context["adminform"].form.errors[field])
    assert profile().version == 1


def test_a_stale_form_changes_nothing_and_loses_nothing(acme: str, sign_in: Any) -> None:
    browser = sign_in("Administrator")
    sent = form_of(browser) | {"description": "Mine"}
    profiles.change("alden", principal=SYSTEM, priority="low")
    answer = browser.post(page(profile().pk), sent)
    shown = answer.content.decode()
    assert answer.status_code == 200
    assert "Somebody changed this profile meanwhile" in shown
    assert "Mine" in shown
    assert profile().description == "Primary assistant"
    again = answer.context["adminform"].form
    assert browser.post(page(profile().pk), sent | {"seen": again["seen"].value()}).status_code == 302
    assert profile().description == "Mine"


def test_an_agent_is_added_with_its_profile(acme: str, sign_in: Any) -> None:
    browser = sign_in("Administrator")
    address = reverse("admin:agents_app_agentprofile_add")
    sent = {"tenant_id": acme, "agent_id": "scout", "name": "Scout", "priority": "high", "specialties": "maps"}
    assert browser.get(address).status_code == 200
    assert browser.post(address, sent | {"agent_id": "two words"}).status_code == 200
    answer = browser.post(address, sent)
    assert answer.status_code == 302, answer.content.decode()
    assert (profile("scout").priority, profile("scout").specialties) == ("high", ["maps"])
    with behind_walls(SYSTEM):
        assert Agent.objects.get(agent_id="scout").name == "Scout"


def test_verbs_sync_and_switch(acme: str, sign_in: Any) -> None:
    browser = sign_in("Administrator")
    shown = browser.post(verb("sync"), follow=True).content.decode()
    assert "Synced alden" in shown
    assert profile().last_synced_at is not None
    browser.post(verb("sync-everything"))
    with behind_walls(SYSTEM):
        assert list(SyncRun.objects.values_list("forced", flat=True)) == [True, False]
    assert "say why" in browser.post(verb("deactivate"), follow=True).content.decode()
    browser.post(verb("deactivate"), {"reason": "retired"})
    with behind_walls(SYSTEM):
        assert not Agent.objects.get(agent_id="alden").active
    assert "Switch on" in browser.get(page(profile().pk)).content.decode()
    browser.post(verb("activate"))
    with behind_walls(SYSTEM):
        assert Agent.objects.get(agent_id="alden").active


@pytest.mark.parametrize("name", ["sync", "sync-everything", "deactivate"])
def test_verbs_are_posted_by_those_who_may(name: str, acme: str, sign_in: Any) -> None:
    assert Client().post(verb(name)).status_code == 302
    assert sign_in("Auditor").post(verb(name), {"reason": "x"}).status_code == 403
    assert sign_in("Administrator").get(verb(name)).status_code == 405
    with behind_walls(SYSTEM):
        assert not SyncRun.objects.exists()


def test_a_tenant_gets_the_standard_agents_and_is_synced(tenant: str, sign_in: Any) -> None:
    browser = sign_in("Administrator")
    with behind_walls(SYSTEM):
        pk = Tenant.objects.get(tenant_id=tenant).pk
    found = browser.get(reverse("admin:access_tenant_change", args=[pk])).content.decode()
    assert "Install the standard agents" in found
    install = reverse("admin:access_tenant_verb", args=[pk, "install-agents"])
    assert sign_in("Auditor").post(install).status_code == 403
    assert "Installed: alden, alice, sentry, mimic." in browser.post(install, follow=True).content.decode()
    assert "nothing was changed" in browser.post(install, follow=True).content.decode()
    sync = reverse("admin:access_tenant_verb", args=[pk, "sync-agents"])
    assert "Synced 4 of 4 agents" in browser.post(sync, follow=True).content.decode()


def test_runs_say_what_they_did_and_are_read_only(acme: str, sign_in: Any) -> None:
    run = syncing.sync_agent("alden", principal=SYSTEM)
    browser = sign_in("Administrator")
    shown = browser.get(page(run.pk, "syncrun")).content.decode()
    assert "memories_synced" in re.sub(r"<[^>]*>", "", shown)
    assert browser.post(page(run.pk, "syncrun"), {"status": "failed"}).status_code == 403


def test_replicas_show_how_far_they_are_behind(acme: str, sign_in: Any) -> None:
    with behind_walls(SYSTEM):
        ChangeFeed.objects.create(tenant_id=acme, agent_id="alden", last_seq=7)
        Replica.objects.create(tenant_id=acme, agent_id="alden", name="laptop", epoch=1, acked_seq=3)
    assert "4 changes" in sign_in("Auditor").get(reverse("admin:agents_app_replica_changelist")).content.decode()


def test_agents_whose_syncs_fail_show_on_the_dashboard(acme: str, sign_in: Any) -> None:
    def broken(run: SyncRun, *, principal: Principal, limit: int) -> dict[str, int]:
        raise ValueError("broken")

    browser = sign_in("Administrator")
    assert "whose sync" not in browser.get(reverse("admin:index")).content.decode()
    sync_steps.register("broken", broken)
    try:
        syncing.sync_agent("alden", principal=SYSTEM)
        assert "Agent whose sync fails" in browser.get(reverse("admin:index")).content.decode()
        syncing.sync_agent("alice", principal=SYSTEM)
    finally:
        sync_steps.unregister("broken")
    shown = browser.get(reverse("admin:index")).content.decode()
    assert "Agents whose syncs fail" in shown
    listed = browser.get(reverse("admin:agents_app_agentprofile_changelist"), {"sync": "failing"}).content.decode()
    assert "alden" in listed
    assert "mimic" not in listed


def test_a_limited_user_sees_its_tenants_agents_alone(acme: str, sign_in: Any) -> None:
    tenants.ensure(principal=SYSTEM, tenant_id="globex")
    agents.ensure(principal=system_principal("test", "globex"), tenant_id="globex", agent_id="spy")
    profiles.register(principal=system_principal("test", "globex"), agent_id="spy")
    browser = sign_in("Administrator", tenants=["globex"])
    listed = browser.get(reverse("admin:agents_app_agentprofile_changelist")).content.decode()
    assert "spy" in listed
    assert "alden" not in listed
    assert browser.post(verb("sync")).status_code == 404
