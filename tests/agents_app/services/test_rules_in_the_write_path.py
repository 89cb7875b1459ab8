"""What rules and profiles do while a memory is stored."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agents_app.models import CategoryAlias, Regrant, SharingRule
from agents_app.services import profiles, sharing, sharing_defaults
from agents_app.services.sharing import RuleChange
from memoryhub.access.exceptions import Forbidden, NotFound
from memoryhub.access.models import AuditEvent, Grant
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import agents, tenants
from memoryhub.access.walls import behind_walls
from memoryhub.registry.exceptions import LowerPriority, MemoryTypeRefused, RestrictedCategory
from memoryhub.registry.services import batches, deletion, entries, lifecycle
from memoryhub.registry.services import sharing as by_hand
from memoryhub.registry.services.drafts import Change, Draft
from memoryhub.registry.services.entries import Stored
from sessions_app.services import endings, sessions

TEAM = ("alden", "alice", "sentry", "mimic")
SYSTEM = system_principal("test", "acme")


def agent(name: str = "alden", *scopes: str) -> Principal:
    permissions = frozenset(scopes or ("read", "write"))
    return Principal(kind="key", name=name, tenant_id="acme", agent_id=name, permissions=permissions)


@pytest.fixture(autouse=True)
def team(db):
    tenants.ensure(principal=SYSTEM, tenant_id="acme")
    for name in TEAM:
        agents.ensure(principal=SYSTEM, tenant_id="acme", agent_id=name)


def keep(key="k", value=1, *, by="alden", scope="agent", **fields):
    return entries.store(Draft(key=key, value=value, scope=scope, **fields), principal=agent(by))


def rule(category, action="share", to=(), **fields):
    change = RuleChange(category=category, action=action, to_agents=to, **fields)
    return sharing.save_rules([change], principal=SYSTEM).rules[0]


def grants(stored):
    with behind_walls(SYSTEM):
        rows = Grant.objects.filter(entry_id=stored.entry_id).order_by("agent_id")
        return [(row.agent_id, row.can_write, row.reason) for row in rows]


def test_a_category_is_stored_under_its_canonical_name():
    sharing_defaults.install(principal=SYSTEM, tenant_id="acme")
    for given in ("preference", "Preferences", "user-preferences", " USER PREFERENCES "):
        stored = keep(category=given)
        assert entries.get(stored.entry_id, principal=agent()).category == "user_preferences"
    assert entries.get(keep(category="Road Works").entry_id, principal=agent()).category == "Road Works"


def test_rules_grant_in_the_transaction_that_stores():
    rule("notes", to=("alice", "alden"))
    rule("notes", "propagate", to=("mimic",), can_write=True)
    stored = keep(category="notes")
    assert grants(stored) == [("alice", False, "rule"), ("mimic", True, "propagation")]
    assert entries.get(stored.entry_id, principal=agent("alice")).value == 1
    lines = AuditEvent.objects.filter(action="access.grant.made", object_id=str(stored.entry_id))
    with behind_walls(SYSTEM):
        assert {line.new["agent_id"] for line in lines} == {"alice", "mimic"}
        assert {line.actor for line in lines} == {"alden"}


def test_a_rule_from_one_agent_is_silent_about_the_others():
    rule("notes", to=("alice",), from_agent="sentry")
    assert grants(keep(category="notes")) == []
    assert grants(keep(category="notes", by="sentry")) == [("alice", False, "rule")]


def test_a_rule_grants_to_active_agents_only_and_a_returning_one_is_caught_up_by_a_job():
    agents.change(principal=SYSTEM, tenant_id="acme", agent_id="alice", active=False)
    rule("notes", to=("alice", "mimic"))
    stored = keep(category="notes")
    assert grants(stored) == [("mimic", False, "rule")]
    with behind_walls(SYSTEM):
        Regrant.objects.all().delete()
        agents.change(principal=SYSTEM, tenant_id="acme", agent_id="alice", active=True)
        [job] = Regrant.objects.all()
    assert job.categories == ["notes"]
    assert "alice" in job.reason


def test_another_category_takes_the_rules_grants_away_but_not_those_given_by_hand():
    rule("notes", to=("alice",))
    stored = keep(category="notes")
    by_hand.share(stored.entry_id, principal=agent(), agent_ids=["mimic"])
    keep(category="other")
    assert grants(stored) == [("mimic", False, "explicit")]


def test_a_rule_does_not_narrow_what_was_given_by_hand():
    rule("notes", to=("alice",))
    stored = keep(category="notes")
    by_hand.share(stored.entry_id, principal=agent(), agent_ids=["alice"], can_write=True)
    keep(category="notes", value=2)
    assert grants(stored) == [("alice", True, "explicit")]


def test_a_restricted_memory_stays_with_its_agent():
    stored = keep(category="notes")
    by_hand.share(stored.entry_id, principal=agent(), agent_ids=["mimic"])
    rule("secrets", "restrict", from_agent="alden")
    rule("secrets", to=("alice",))
    keep(category="secrets")
    assert grants(stored) == []
    with pytest.raises(RestrictedCategory):
        by_hand.share(stored.entry_id, principal=agent(), agent_ids=["alice"])
    for scope, named in (("tenant", {}), ("user", {"user_id": "u"}), ("session", {"session_id": "s"})):
        with pytest.raises(RestrictedCategory):
            keep("wide", scope=scope, category="Secrets", **named)
    keep("wide", scope="tenant", category="secrets", by="alice")
    assert grants(keep("hers", category="secrets", by="sentry")) == [("alice", False, "rule")]


def test_a_restriction_from_any_agent_holds_for_callers_without_one():
    rule("secrets", "restrict")
    nobody = Principal(kind="key", name="app", tenant_id="acme", permissions=frozenset({"read", "write"}))
    drafts = [Draft(key="a", value=1, category="secrets"), Draft(key="b", value=1)]
    refused, stored = batches.store_many(drafts, principal=nobody)
    assert isinstance(refused, RestrictedCategory)
    assert isinstance(stored, Stored)


def test_memory_types_of_a_profile():
    profiles.register(principal=SYSTEM, agent_id="alden", memory_types=["episodic", "semantic"])
    stored = keep()
    assert entries.get(stored.entry_id, principal=agent()).memory_type == "episodic"
    keep(memory_type="semantic")
    keep(value=2)
    assert entries.get(stored.entry_id, principal=agent()).memory_type == "semantic"
    for scope in ("agent", "tenant"):
        with pytest.raises(MemoryTypeRefused):
            keep("other", scope=scope, memory_type="working")


def test_no_profile_or_rule_keeps_a_session_from_ending():
    profiles.register(principal=SYSTEM, agent_id="sentry", memory_types=["semantic"])
    for category in ("session_archive", "session_state"):
        rule(category, "restrict")
    sessions.start(session_id="s", principal=agent("sentry"))
    endings.end(session_id="s", principal=agent("sentry"))
    archive = entries.retrieve(key="session_archive_s", principal=agent("sentry"))
    assert archive.memory_type == "episodic"


def test_a_short_term_memory_ends_as_its_agents_profile_says():
    profiles.register(principal=SYSTEM, agent_id="alden", retention_days=90)
    stored = keep(layer="short_term")
    assert stored.expires_at - stored.updated_at == timedelta(days=90)
    wide = keep("wide", scope="tenant", layer="short_term")
    assert wide.expires_at - wide.updated_at == timedelta(days=90)
    named = keep("named", layer="short_term", expires_at=stored.expires_at + timedelta(days=1))
    assert named.expires_at == stored.expires_at + timedelta(days=1)
    again = entries.change(named.entry_id, Change(value=2, layer="short_term"), principal=agent())
    assert again.expires_at == named.expires_at
    other = keep(layer="short_term", by="alice")
    assert other.expires_at - other.updated_at == timedelta(days=30)


def test_a_grantee_of_lower_rank_changes_nothing():
    profiles.register(principal=SYSTEM, agent_id="alden", priority="high")
    stored = keep()
    by_hand.share(stored.entry_id, principal=agent(), agent_ids=["alice"], can_write=True)
    changed = entries.change(stored.entry_id, Change(value=2, if_version=1), principal=agent("alice"))
    stored_again = keep(value=2, by="alice", agent_id="alden")
    assert changed.proposed is not None
    assert changed.proposed == stored_again.proposed
    assert entries.get(stored.entry_id, principal=agent()).value == 1
    with pytest.raises(LowerPriority):
        deletion.delete(stored.entry_id, principal=agent("alice"))
    with pytest.raises(LowerPriority):
        lifecycle.reinforce(stored.entry_id, principal=agent("alice"))
    assert keep(value=3).sync_version == 2


def test_a_grantee_of_equal_rank_changes_and_deletes():
    stored = keep()
    by_hand.share(stored.entry_id, principal=agent(), agent_ids=["alice"], can_write=True)
    assert keep(value=2, by="alice", agent_id="alden").sync_version == 2
    assert deletion.delete(stored.entry_id, principal=agent("alice")).sync_version == 3


def test_sharing_by_hand_refuses_readers_and_unknown_agents():
    stored = keep()
    by_hand.share(stored.entry_id, principal=agent(), agent_ids=["alice"])
    with pytest.raises(Forbidden):
        by_hand.share(stored.entry_id, principal=agent("alice"), agent_ids=["mimic"])
    with pytest.raises(NotFound):
        by_hand.share(stored.entry_id, principal=agent(), agent_ids=["ghost"])


def test_the_published_rules_are_installed_once_and_stay_as_they_were_edited():
    sharing_defaults.install(principal=SYSTEM, tenant_id="acme")
    with behind_walls(SYSTEM):
        assert SharingRule.objects.count() == 15
        assert CategoryAlias.objects.filter(alias="preference", category="user_preferences").exists()
        SharingRule.objects.exclude(category="security_alerts").delete()
    sharing_defaults.install(principal=SYSTEM, tenant_id="acme")
    with behind_walls(SYSTEM):
        assert SharingRule.objects.count() == 1


def test_a_store_with_rules_is_one_round_trip(django_assert_num_queries):
    rule("notes", to=("alice",))
    with behind_walls(agent()), django_assert_num_queries(1):
        keep(category="notes")
