from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings

from agents_app.services import defaults, profiles, syncing
from memoryhub.access.exceptions import ScopeMissing
from memoryhub.access.principals import Principal


@pytest.fixture
def retention(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def configure(**days: Any) -> None:
        monkeypatch.setattr(settings.CONFIG.agents, "retention_days", days)

    return configure


def test_the_published_agents_with_what_is_said_of_them(job: Principal, tenant: str) -> None:
    assert defaults.install(principal=job, tenant_id=tenant) == ["alden", "alice", "sentry", "mimic"]
    sentry = profiles.of_agent("sentry", principal=job)
    assert (sentry.priority, sentry.retention_days, sentry.conflict_strategy) == ("medium", 180, "manual_review")
    assert sentry.memory_types == ["semantic", "contextual"]
    assert sentry.specialties == ["security", "incidents", "alerts", "audit logs"]


def test_repeating_it_undoes_nobodys_changes(job: Principal, tenant: str) -> None:
    defaults.install(principal=job, tenant_id=tenant)
    profiles.change("mimic", principal=job, priority="high")
    profiles.deactivate("alice", principal=job, reason="gone")
    assert defaults.install(principal=job, tenant_id=tenant) == []
    assert profiles.of_agent("mimic", principal=job).priority == "high"


def test_the_environment_gives_retentions(job: Principal, tenant: str, retention: Callable[..., None]) -> None:
    retention(alden=7, my_own_agent=14)
    defaults.install(principal=job, tenant_id=tenant)
    assert profiles.of_agent("alden", principal=job).retention_days == 7
    assert profiles.of_agent("alice", principal=job).retention_days == 60
    made = profiles.register(principal=job, agent_id="my-own.Agent")
    assert made.profile.retention_days == 14


def test_only_an_administrator_installs(as_agent: Callable[..., Principal], tenant: str) -> None:
    with pytest.raises(ScopeMissing):
        defaults.install(principal=as_agent("alden"), tenant_id=tenant)


def test_an_agent_of_whom_nobody_said_anything_gets_its_profile(
    job: Principal, tenant: str, as_agent: Callable[..., Principal]
) -> None:
    as_agent("alden")
    syncing.sync_agent("alden", principal=job)
    assert profiles.of_agent("alden", principal=job).version == 0
    assert "alden" in defaults.install(principal=job, tenant_id=tenant)
    found = profiles.of_agent("alden", principal=job)
    assert (found.priority, found.version, found.sync_totals["total_syncs"]) == ("high", 1, 1)
