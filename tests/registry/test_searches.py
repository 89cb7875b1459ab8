"""Searches in the access log."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.db import connection

from memoryhub.access.walls import behind_walls
from memoryhub.registry.services.access_log import log
from tests.conftest import MakeClient
from tests.search.conftest import STAFF

pytestmark = pytest.mark.django_db


def lines() -> list[tuple[str, str]]:
    log.flush()
    with behind_walls(STAFF), connection.cursor() as cursor:
        cursor.execute("SELECT context_key, operation FROM memory_context_access_log")
        return list(cursor.fetchall())


def test_a_search_leaves_a_line(api: MakeClient):
    assert api().post("/memory/context/search", {"query": "dark theme"}).status_code == 200
    assert lines() == [("search: dark theme", "search")]


def test_logging_searches_can_be_turned_off(api: MakeClient, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(settings.CONFIG.search, "log_queries", False)
    assert api().post("/memory/context/search", {"query": "dark theme"}).status_code == 200
    assert lines() == []
