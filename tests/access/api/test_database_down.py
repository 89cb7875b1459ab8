"""A database that does not answer is 503 with Retry-After behind every door, and never a page of HTML for agents."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client

from memoryhub.access.credentials import forget_cached_keys
from tests.conftest import HubClient

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def down(db: None) -> Iterator[None]:
    """From here on no connection can be made."""
    host = connection.settings_dict["HOST"]
    connection.close()
    connection.settings_dict["HOST"] = "/nowhere"
    yield
    connection.close()
    connection.settings_dict["HOST"] = host


@pytest.mark.urls("tests.access.api.doors")
@pytest.mark.parametrize("cached", [True, False], ids=["key cached", "key not cached"])
def test_agents_get_a_problem(api, request, cached):
    client = api()
    client.get("/memory/notes")
    if not cached:
        forget_cached_keys()
    request.getfixturevalue("down")
    for answer in (client.get("/memory/notes"), client.post("/memory/notes", {"text": "x"})):
        assert (answer.status_code, answer["Content-Type"]) == (503, "application/problem+json")
        assert answer.json()["code"] == "unavailable"
        assert int(answer["Retry-After"]) >= 1
        assert "/nowhere" not in answer.content.decode()


@pytest.mark.urls("tests.access.api.doors")
def test_callers_without_a_key_get_a_problem_too(down):
    assert HubClient().get("/memory/notes").status_code == 503


def test_people_get_a_page(down):
    client = Client(raise_request_exception=False)
    client.cookies["sessionid"] = "x" * 32
    answer = client.get("/admin/")
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert b"The database is not answering" in answer.content
