"""Every format is told by its content, and what cannot be read is reported with its place."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sessions_app.transcripts import files
from sessions_app.transcripts.records import Conversation, Problem

DATA = Path(__file__).parents[2] / "data"


def read(path: Path) -> tuple[dict[str, Conversation], list[Problem]]:
    found = list(files.read(path))
    conversations = [item for item in found if isinstance(item, Conversation)]
    return {c.session_id: c for c in conversations}, [item for item in found if isinstance(item, Problem)]


def said(conversation: Conversation) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in conversation.messages]


def test_a_chat():
    conversations, problems = read(DATA / "chat.json")
    assert problems == []
    chat = conversations["support-1"]
    assert (chat.user, chat.metadata) == ("rosa", {"title": "Blank page"})
    assert said(chat) == [
        ("system", "Answer briefly."),
        ("user", "The page stays blank."),
        ("assistant", ""),
        ("tool", "all systems up"),
        ("assistant", "Please reload.\n[image_url]"),
    ]
    assert chat.messages[1].at == datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert chat.messages[1].metadata == {"id": "m1"}
    assert chat.messages[2].metadata["tool_calls"][0]["id"] == "c1"
    assert chat.messages[3].metadata == {"tool_call_id": "c1"}


def test_bare_messages_are_one_conversation_named_after_the_content(tmp_path):
    conversations, problems = read(DATA / "messages.json")
    assert problems == []
    [(name, conversation)] = conversations.items()
    assert name.startswith("import-")
    assert len(conversation.messages) == 2
    (tmp_path / "elsewhere.json").write_bytes((DATA / "messages.json").read_bytes())
    assert read(tmp_path / "elsewhere.json")[0].keys() == conversations.keys()


def test_a_chatgpt_export_follows_the_branch_that_was_kept():
    conversations, problems = read(DATA / "chatgpt_export.json")
    assert problems == []
    chat = conversations["6f1c"]
    assert said(chat) == [("user", "Where is Elba?"), ("assistant", "In the Tyrrhenian Sea, off Tuscany.")]
    assert chat.messages[0].at == datetime.fromtimestamp(1772445601.5, UTC)


def test_locomo():
    conversations, problems = read(DATA / "locomo.json")
    assert problems == []
    assert list(conversations) == ["pair-1-session-1", "pair-1-session-2"]
    first = conversations["pair-1-session-1"]
    assert first.user == "pair-1"
    assert said(first) == [
        ("assistant", "Morning! Did the kiln arrive?"),
        ("user", "It did, look! [shared image: a photo of a red kiln in a shed]"),
    ]
    assert [message.name for message in first.messages] == ["Olaf", "Nora"]
    assert first.messages[0].at == datetime(2024, 3, 3, 9, 5, tzinfo=UTC)
    assert first.messages[1].metadata == {
        "id": "D1:2",
        "dia_id": "D1:2",
        "image_urls": ["https://example.org/kiln.jpg"],
    }


@pytest.mark.parametrize("packed", [False, True])
def test_users_with_items(tmp_path, packed):
    path = DATA / "items.json"
    if packed:
        path = tmp_path / "items.json.gz"
        path.write_bytes(gzip.compress((DATA / "items.json").read_bytes()))
    conversations, problems = read(path)
    assert problems == []
    assert {name: c.user for name, c in conversations.items()} == {
        "pair-2-session-1": "pair-2",
        "pair-2-session-2": "pair-2",
        "chat-7-session-s": "chat-7",
    }
    walk = conversations["pair-2-session-1"]
    assert [message.metadata["id"] for message in walk.messages] == ["a1", "a2"]
    assert [message.name for message in walk.messages] == ["Quinn", "Pia"]
    assert walk.messages[0].at == datetime(2024, 4, 1, 18, tzinfo=UTC)
    assert said(conversations["chat-7-session-s"]) == [("user", "I prefer tea."), ("assistant", "Noted: tea.")]


def test_lines_of_conversations():
    conversations, problems = read(DATA / "conversations.jsonl")
    assert problems == []
    assert {name: len(c.messages) for name, c in conversations.items()} == {"c-1": 2, "c-2": 1}


def test_lines_of_messages_belong_to_the_sessions_they_name():
    conversations, problems = read(DATA / "messages.jsonl")
    assert problems == []
    assert said(conversations["left"]) == [("user", "l1"), ("assistant", "l2")]
    assert said(conversations["right"]) == [("user", "r1")]


def test_lines_are_told_without_the_name(tmp_path):
    path = tmp_path / "log.txt"
    path.write_bytes((DATA / "messages.jsonl").read_bytes())
    assert read(path)[0].keys() == {"left", "right"}


def test_bad_records_are_skipped_with_their_place():
    path = DATA / "broken.jsonl"
    conversations, problems = read(path)
    assert said(conversations["ok"]) == [("user", "fine"), ("user", "fine too")]
    places = [problem.place.removeprefix(str(path)) for problem in problems]
    assert places == [
        *(f":1.messages[{n}]" for n in (1, 2, 3, 4, 5, 6)),
        ":2",
        ":3",
        ":4",
    ]
    reasons = " | ".join(problem.reason for problem in problems)
    for part in (
        "'robot' is not one of",
        "no role",
        "not str",
        "int, not text",
        "'someday'",
        "NUL",
        "not JSON",
        "known",
    ):
        assert part in reasons


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b"\x1f\x8bbroken", "cannot be read"),
        (b"[1, 2]", "neither a message"),
        (b'{"users": [{"user": "x"}]}', "needs 'user'"),
        (b'{"conversation": {"speaker_a": "A", "session_1": "x"}}', "list of turns"),
        (b'{"mapping": []}', "not an object"),
        (b"[" * 100_000, "not JSON"),
        (b'"text"', "no transcript format"),
    ],
)
def test_whole_files_that_are_no_transcripts(tmp_path, content, reason):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    conversations, problems = read(path)
    assert conversations == {}
    assert reason in problems[0].reason


def test_a_missing_file_is_a_problem(tmp_path):
    [problem] = files.read(tmp_path / "nothing.json")
    assert "cannot be read" in str(problem)


def test_names_fit_into_addresses(tmp_path):
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"id": "a/b c\n", "messages": [{"role": "user", "content": "x"}]}))
    assert list(read(path)[0]) == ["a_b_c"]
