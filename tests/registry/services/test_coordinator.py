"""The names of the published interface, in Python."""

from __future__ import annotations

import pytest

from memoryhub.registry.services import coordinator
from memoryhub.registry.services.drafts import Draft

pytestmark = pytest.mark.django_db


def test_the_published_round_trip(caller):
    entry = Draft(
        key="user_theme_preference",
        value="dark",
        layer="long_term",
        scope="user",
        priority="medium",
        category="preferences",
        source="settings_ui",
        user_id="user_123",
        tenant_id="acme",
    )
    entry_id = coordinator.store_context(entry, principal=caller)
    place = {"scope": "user", "user_id": "user_123", "tenant_id": "acme"}
    retrieved = coordinator.retrieve_context("user_theme_preference", principal=caller, **place)
    assert retrieved is not None
    assert (retrieved.value, retrieved.entry_id) == ("dark", entry_id)
    assert coordinator.retrieve_context("nothing", principal=caller, **place) is None
    [found] = coordinator.search_context("dark", principal=caller, user_id="user_123", layer="long_term")
    assert found["key"] == "user_theme_preference"
    assert coordinator.get_stats(principal=caller)["total_entries"] == 1
