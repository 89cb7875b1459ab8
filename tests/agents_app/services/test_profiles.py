from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agents_app.exceptions import AlreadyRegistered, ProfileStale
from agents_app.models import AgentProfile
from agents_app.services import profiles, syncing
from memoryhub.access import credentials
from memoryhub.access.exceptions import Invalid, NotFound, ScopeMissing, Unauthenticated
from memoryhub.access.models import AuditEvent
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls


def line_of(action: str, principal: Principal) -> AuditEvent:
    with behind_walls(principal):
        line: AuditEvent = AuditEvent.objects.filter(action=action).latest("at")
        return line


def test_an_administrator_registers_an_agent_with_a_key(admin: Principal) -> None:
    made = profiles.register(
        principal=admin, agent_id="sentry", name="Sentry", issue_key=True, priority="high", memory_types=["semantic"]
    )
    assert made.created
    assert made.agent.name == "Sentry"
    assert (made.profile.priority, made.profile.memory_types, made.profile.version) == ("high", ["semantic"], 1)
    assert made.api_key is not None
    assert credentials.verify(made.api_key).agent_id == "sentry"


def test_registering_again_leaves_the_agent_as_it_is(admin: Principal) -> None:
    first = profiles.register(principal=admin, agent_id="sentry", priority="high")
    again = profiles.register(principal=admin, agent_id="sentry")
    assert (first.created, again.created) == (True, False)
    assert again.profile.priority == "high"
    with pytest.raises(AlreadyRegistered):
        profiles.register(principal=admin, agent_id="sentry", priority="low")


def test_registering_an_agent_that_came_by_writing_says_what_it_is(
    admin: Principal, as_agent: Callable[..., Principal]
) -> None:
    as_agent("scout")
    syncing.sync_all(principal=admin)
    made = profiles.register(principal=admin, agent_id="scout", priority="high")
    assert (made.created, made.profile.priority, made.profile.version) == (True, "high", 1)


def test_an_agent_registers_itself_without_deciding_over_others(as_agent: Callable[..., Principal]) -> None:
    mimic = as_agent("mimic")
    assert profiles.register(principal=mimic, agent_id="mimic", specialties=["personas"]).created
    with pytest.raises(ScopeMissing):
        profiles.register(principal=mimic, agent_id="mimic", priority="critical")
    with pytest.raises(ScopeMissing):
        profiles.register(principal=mimic, agent_id="mimic", issue_key=True)
    with pytest.raises(ScopeMissing):
        profiles.register(principal=mimic, agent_id="alice")


@pytest.mark.parametrize(
    "wrong",
    [
        {"priority": "urgent"},
        {"conflict_strategy": "coin"},
        {"retention_days": 0},
        {"memory_types": ["vague"]},
        {"memory_types": ["semantic", "semantic"]},
        {"specialties": [" "]},
        {"description": "x" * 4001},
        {"color": "red"},
    ],
)
def test_a_wrong_field_is_named(admin: Principal, wrong: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refused:
        profiles.register(principal=admin, agent_id="sentry", **wrong)
    assert refused.value.field == next(iter(wrong))


def test_an_agent_without_a_profile_has_the_defaults(admin: Principal, as_agent: Callable[..., Principal]) -> None:
    as_agent("alden")
    profile = profiles.of_agent("alden", principal=admin)
    assert (profile.version, profile.priority, profile.retention_days) == (0, "medium", None)
    with behind_walls(admin):
        assert not AgentProfile.objects.exists()


def test_a_change_is_a_version_and_audited(admin: Principal, as_agent: Callable[..., Principal]) -> None:
    as_agent("alden")
    changed = profiles.change("alden", principal=admin, if_version=0, priority="high", retention_days=90)
    assert (changed.version, changed.priority, changed.retention_days) == (1, "high", 90)
    line = line_of("agents.profile.changed", admin)
    assert line.old == {"priority": "medium", "retention_days": None}
    assert line.new == {"priority": "high", "retention_days": 90}
    assert profiles.change("alden", principal=admin, priority="high").version == 1


def test_a_stale_change_is_refused(admin: Principal, as_agent: Callable[..., Principal]) -> None:
    as_agent("alden")
    profiles.change("alden", principal=admin, priority="high")
    with pytest.raises(ProfileStale) as refused:
        profiles.change("alden", principal=admin, if_version=0, priority="low")
    assert refused.value.extra["current_version"] == 1


def test_an_agent_changes_only_what_it_says_of_itself(as_agent: Callable[..., Principal]) -> None:
    alden, alice = as_agent("alden"), as_agent("alice")
    assert profiles.change("alden", principal=alden, capabilities=["plan"]).capabilities == ["plan"]
    with pytest.raises(ScopeMissing):
        profiles.change("alden", principal=alden, priority="critical")
    with pytest.raises(ScopeMissing):
        profiles.change("alden", principal=alice, description="mine now")


def test_an_unknown_agent_has_no_profile_to_change(admin: Principal) -> None:
    with pytest.raises(NotFound):
        profiles.change("nobody", principal=admin, priority="low")


def test_keys_of_a_deactivated_agent_stop_and_work_again(admin: Principal) -> None:
    made = profiles.register(principal=admin, agent_id="mimic", issue_key=True)
    assert made.api_key
    profiles.deactivate("mimic", principal=admin, reason="retired")
    with pytest.raises(Unauthenticated):
        credentials.verify(made.api_key)
    assert line_of("access.agent.changed", admin).reason == "retired"
    with pytest.raises(AlreadyRegistered):
        profiles.register(principal=admin, agent_id="mimic")
    profiles.activate("mimic", principal=admin, reason="back")
    assert credentials.verify(made.api_key).agent_id == "mimic"
