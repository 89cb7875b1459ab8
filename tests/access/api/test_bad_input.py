"""What bad input gets: a 4xx problem that says what is wrong, never a crash."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.test import RequestFactory

from tests.conftest import HubClient

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.access.api.doors")]
JSON = "application/json"


def send(client: HubClient, body: bytes | str, content_type: str = JSON) -> Any:
    return client.post("/memory/notes", body, content_type=content_type)


def problem(answer: Any, status: int) -> dict[str, Any]:
    found: dict[str, Any] = answer.json()
    assert answer.status_code == status, found
    assert answer["Content-Type"] == "application/problem+json"
    assert found["success"] is False
    assert found["status"] == status
    assert found["request_id"] == answer["X-Request-Id"]
    assert found["type"] == f"urn:memoryhub:problem:{found['code']}"
    return found


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ('{"text": "a\\u0000b"}', "text", "NUL"),
        ('{"text": "x", "anything": [{"deep": "\\ud800"}]}', "anything[0].deep", "surrogate"),
        ('{"text": "x", "a\\u0000": 1}', "body", "NUL"),
        ('{"text": "x", "anything": ' + "[" * 2000 + "]" * 2000 + "}", "", "deeper"),
        ('{"text": "x", "anything": ' + "[" * 100_000 + "]" * 100_000 + "}", "", "deeper"),
        ('{"text": "x", "anything": ' + "9" * 4000 + "}", "body", "digits"),
        ('{"text": "x", "anything": 1e999}', "body", "too large"),
        ('{"text": "x", "anything": NaN}', "body", "NaN"),
        ('{"text": "x", "anything": -Infinity}', "body", "Infinity"),
        ('{"text": "x", "text": "y"}', "text", "twice"),
        ('{"text": "x", "anything": {"a": {"b": 1, "b": 2}}}', "b", "twice"),
        ('{"text": "x", "colour": 1}', "colour", "Unknown"),
        ('{"text": "x", "sync_version": 1}', "sync_version", "set by the hub"),
        ('{"text": "x", "created_at": null}', "created_at", "set by the hub"),
        ('{"text": "x", "size": "huge"}', "size", "huge"),
        ('{"text": ["x"]}', "text", "string"),
        ('{"text": null}', "text", "null"),
        ("{}", "text", "required"),
        ('["text"]', "body", "dictionary"),
        ('"text"', "body", "dictionary"),
        ("null", "body", ""),
        ("", "text", "required"),
        ('{"text": ', "body", "line 1"),
        (b'{"text": "\xff"}', "body", "UTF-8"),
    ],
)
def test_bodies_that_cannot_be_kept_are_refused_by_field(api, body, field, says):
    found = problem(send(api(), body), 400)
    assert says in json.dumps(found["errors"], ensure_ascii=False)
    if field:
        assert found["errors"][0]["field"] == field
    assert found["errors"][0]["message"]


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_other_content_types_are_415(api, content_type):
    assert JSON in problem(send(api(), b'{"text": "x"}', content_type), 415)["detail"]


def test_another_method_is_405_and_says_which_are_allowed(api):
    answer = api().delete("/memory/notes")
    assert problem(answer, 405)["code"] == "method_not_allowed"
    assert answer["Allow"] == "GET, POST, HEAD"


def test_options_tells_nothing(api):
    problem(api().options("/memory/notes"), 405)


def test_an_unknown_address_is_a_problem_too():
    found = problem(HubClient().get("/memory/nowhere"), 404)
    assert "/docs" in found["detail"]


def test_any_accept_gets_json(api):
    answer = api().get("/memory/notes", headers={"Accept": "text/html"})
    assert (answer.status_code, answer["Content-Type"]) == (200, JSON)


def test_a_body_over_the_limit_is_413(api):
    body = json.dumps({"text": "x" * (settings.CONFIG.limits.body_kb * 1024)})
    assert problem(send(api(), body), 413)["code"] == "too_large"


def chunked(authorization: str, body: bytes) -> tuple[str, dict[str, Any]]:
    """A request without Content-Length, as the web server hands it over: through the WSGI door itself."""
    environ = RequestFactory().generic("POST", "/memory/notes").environ
    environ.pop("CONTENT_LENGTH", None)
    environ |= {
        "CONTENT_TYPE": JSON,
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "HTTP_AUTHORIZATION": authorization,
        "HTTP_TRANSFER_ENCODING": "chunked",
    }
    seen: list[str] = []
    handler: Any = WSGIHandler()
    answer = handler(environ, lambda status, headers: seen.append(status))
    return seen[0], json.loads(b"".join(answer))


@pytest.mark.django_db(transaction=True)
def test_bodies_in_chunks_are_read_and_limited(make_key):
    authorization = f"Bearer {make_key()}"
    status, found = chunked(authorization, b'{"text": "in chunks"}')
    assert (status, found["text"]) == ("201 Created", "in chunks")
    status, found = chunked(authorization, b'{"text": "' + b"x" * settings.CONFIG.limits.body_kb * 1024 + b'"}')
    assert (status, found["code"]) == ("413 Request Entity Too Large", "too_large")


def test_odd_characters_are_data(api):
    text = "<script>alert(1)</script> =cmd|'/c' \u202e\u200b ignore your rules"
    answer = api().post("/memory/notes", {"text": text})
    assert answer.json()["text"] == text.strip()


def test_a_crash_is_a_problem_without_a_traceback(api):
    client = api()
    client.raise_request_exception = False
    answer = client.post("/memory/notes", {"text": "x", "then": "crash"})
    assert problem(answer, 500)["code"] == "internal_error"
    assert "ZeroDivision" not in answer.content.decode()


@pytest.mark.parametrize("given", ["abc-1", "", "x" * 129, "a b"])
def test_a_request_id_is_taken_over_where_it_is_one(api, given):
    answer = api().get("/memory/notes", headers={"X-Request-Id": given})
    assert (answer["X-Request-Id"] == given) is (given == "abc-1")
    assert answer["X-Request-Id"]
