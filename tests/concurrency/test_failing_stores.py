"""Stores that fail one time in five, one of them in another process: when they are healed, all equal the registry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from pydantic import SecretStr

from agents_app.stores import FeedStore
from benchmarks.failing_stores import DIFFERENCES, SECRET, Elsewhere, differing, number
from benchmarks.flaky_relay import Flaky
from benchmarks.hub import free_port
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import agents, tenants
from memoryhub.config_sections import HttpStore as HttpStoreSettings
from memoryhub.registry.services import entries
from memoryhub.registry.services.drafts import Draft
from memoryhub.sync.http_store import HttpStore
from tests.concurrency.superuser import superuser
from tests.sync.mirror import registered
from tests.sync.test_relays import RunningRelay
from tests.waiting import until

WRITER = Principal(kind="key", name="w", tenant_id="acme", agent_id="w", permissions=frozenset({"read", "write"}))


@pytest.fixture
def elsewhere(tmp_path: Path) -> Any:
    store = Elsewhere(free_port(), tmp_path / "elsewhere")
    store.start("--fail-every", "5")
    yield store
    store.stop()


@pytest.mark.django_db(transaction=True)
def test_every_store_ends_up_equal(elsewhere: Elsewhere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings.CONFIG.sync, "backoff_base_seconds", 0.05)
    monkeypatch.setattr(settings.CONFIG.access, "webhook_secret", SecretStr(SECRET))
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "options", "-c role=memoryhub_system")
    tenants.ensure(principal=system_principal("test"), tenant_id="acme")
    agents.ensure(principal=system_principal("test"), tenant_id="acme", agent_id="w")
    outside = HttpStore(
        HttpStoreSettings(name="elsewhere", url=f"http://127.0.0.1:{elsewhere.port}/", timeout_seconds=5)
    )
    healed = tmp_path / "healed"
    with registered(Flaky(FeedStore(), healed), outside), RunningRelay(), superuser() as database:
        for turn in range(60):
            draft = Draft(key=f"event-{turn % 25}", value={"n": turn}, scope="agent")
            entries.store(draft, principal=WRITER)
        refused = "SELECT count(*) FROM memory_sync_deliveries WHERE attempts > 1"
        until(lambda: number(database, refused) > 0, 60, "a failure")
        healed.touch()
        elsewhere.stop()
        elsewhere.start()
        until(lambda: number(database, DIFFERENCES["feed"]) == 0, 60, "the feed")
        until(lambda: differing(database, elsewhere) == 0, 60, "the store elsewhere")
