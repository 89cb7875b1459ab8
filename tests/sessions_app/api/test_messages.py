"""Doors to the messages of a session."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.django_db


@pytest.fixture
def caller(door):
    made = door()
    made.post("session/start", session_id="s1", user_id="u1")
    return made


def test_a_message_gets_the_next_number(caller):
    for number in (1, 2):
        answer = caller.post("session/message", session_id="s1", role="user", content="hi", metadata={"source": "web"})
        assert caller.status == 200
        assert answer.items() >= {"success": True, "session_id": "s1", "sequence": number}.items()


def test_a_message_keeps_speaker_time_and_metadata(caller):
    caller.post(
        "session/message",
        session_id="s1",
        role="user",
        content="  Hej\u202e <script>  ",
        name="Caroline",
        at="2023-05-08T13:56:00+02:00",
        metadata={"dia_id": "D1:1"},
    )
    (message,) = caller.get("session/s1/messages")["results"]
    assert message["content"] == "  Hej\u202e <script>  "
    assert (message["name"], message["at"]) == ("Caroline", "2023-05-08T11:56:00Z")
    assert message["metadata"] == {"dia_id": "D1:1"}


def test_a_batch_is_numbered_in_order_and_read_in_pages(caller):
    sent = [{"role": "user" if n % 2 else "assistant", "content": f"m{n}"} for n in range(1, 8)]
    answer = caller.post("session/messages", session_id="s1", messages=sent)
    assert (answer["first_sequence"], answer["last_sequence"], answer["count"]) == (1, 7, 7)
    assert len(answer["message_ids"]) == 7
    page = caller.get("session/s1/messages", limit=4)
    assert [m["content"] for m in page["results"]] == ["m1", "m2", "m3", "m4"]
    assert "after=4" in page["next"]
    page = caller.get("session/s1/messages", limit=4, after=4)
    assert [m["sequence"] for m in page["results"]] == [5, 6, 7]
    assert page["next"] is None
    assert page["message_count"] == 7


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({"role": "robot", "content": "x"}, "role"),
        ({"content": "x"}, "role"),
        ({"role": "user"}, "content"),
        ({"role": "user", "content": None}, "content"),
        ({"role": "user", "content": "x", "at": "yesterday"}, "at"),
        ({"role": "user", "content": "x", "metadata": []}, "metadata"),
        ({"role": "user", "content": "x", "sequence": 9}, "sequence"),
    ],
)
def test_bad_messages_are_refused_by_field(caller, message, field):
    answer = caller.post("session/message", {"session_id": "s1", **message})
    assert caller.status == 400
    assert answer["errors"][0]["field"] == field
    answer = caller.post(
        "session/messages", {"session_id": "s1", "messages": [{"role": "user", "content": "a"}, message]}
    )
    assert caller.status == 400
    assert field in answer["errors"][0]["field"]
    assert caller.get("session/s1/messages")["message_count"] == 0


def test_a_text_over_the_limit_is_413(caller):
    answer = caller.post("session/message", session_id="s1", role="user", content="x" * (256 * 1024 + 1))
    assert (caller.status, answer["code"]) == (413, "too_large")


def test_an_empty_or_oversized_batch_is_refused(caller):
    for batch in ([], [{"role": "user", "content": "x"}] * 501):
        caller.post("session/messages", session_id="s1", messages=batch)
        assert caller.status == 400


def test_messages_of_an_unknown_session_are_404(caller):
    assert caller.post("session/message", session_id="nope", role="user", content="x")["code"] == "session_not_found"
    assert caller.get("session/nope/messages")["code"] == "session_not_found"


@pytest.mark.parametrize("query", [{"after": -1}, {"after": "x"}, {"limit": 0}, {"limit": 201}, {"page": 1}])
def test_bad_queries_are_400(caller, query):
    caller.get("session/s1/messages", **query)
    assert caller.status == 400
