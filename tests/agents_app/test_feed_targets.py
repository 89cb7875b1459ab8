"""Only what belongs to an agent is announced to the feed."""

from __future__ import annotations

import pytest

from memoryhub.registry.services import entries, lifecycle
from memoryhub.registry.services.drafts import Draft
from memoryhub.sync.models import SyncEvent
from tests.agents_app.feeds import rows


@pytest.mark.parametrize(("scope", "told"), [("agent", True), ("tenant", False), ("user", False)])
def test_the_feed_hears_of_agents_memories_only(as_agent, scope, told):
    caller = as_agent("alden", user="pat")
    entry = entries.store(Draft(key="k", value=1, scope=scope, user_id="pat"), principal=caller).entry_id
    lifecycle.archive(entry, principal=caller)
    events = rows(SyncEvent.objects.all())
    assert len(events) == 2
    assert all(("feed" in event.target_systems) is told for event in events)
    assert all("vector" in event.target_systems for event in events)
