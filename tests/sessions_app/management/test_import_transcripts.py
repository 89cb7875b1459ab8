"""The command: whole, again, interrupted, and with bad records."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from memoryhub.access.walls import behind_walls
from memoryhub.search.models import IndexRow
from sessions_app.models import Message, Session
from sessions_app.services import messages, sessions
from sessions_app.services.messages import NewMessage

pytestmark = pytest.mark.django_db
DATA = Path(__file__).parents[2] / "data"
GOOD = ["chat.json", "messages.json", "chatgpt_export.json", "locomo.json", "items.json", "conversations.jsonl"]


@pytest.fixture
def run(capsys):
    def call(*names: str | Path, **options: Any) -> str:
        call_command("import_transcripts", *(str(DATA / name) for name in names), tenant="acme", **options)
        return str(capsys.readouterr().out)

    return call


@pytest.fixture
def stored(job):
    def rows(session_id: str) -> list[tuple[int, str]]:
        with behind_walls(job):
            found = Message.objects.filter(session__session_id=session_id).order_by("sequence")
            return list(found.values_list("sequence", "content"))

    return rows


def counts(job) -> tuple[int, int, int]:
    with behind_walls(job):
        indexed = IndexRow.objects.filter(kind="message").count()
        return Session.objects.count(), Message.objects.count(), indexed


def test_all_formats_come_in_and_a_second_run_adds_nothing(run, job):
    assert "10 conversations with 20 messages are in the hub; 20 messages were added" in run(*GOOD)
    before = counts(job)
    assert before[:2] == (10, 20)
    assert "20 messages are in the hub; 0 messages were added" in run(*GOOD)
    assert counts(job) == before


def test_sessions_are_the_users_and_end_when_they_ended(run, job):
    run("locomo.json", agent="scribe")
    with behind_walls(job):
        session = Session.objects.get(session_id="pair-1-session-1")
        assert (session.user_id, session.status, session.end_reason) == ("pair-1", "ended", "imported")
        assert session.start_time == session.ended_at == datetime(2024, 3, 3, 9, 5, tzinfo=UTC)
        assert session.current_agent == "scribe"
        row = IndexRow.objects.get(session_id="pair-1-session-1", sequence=2, kind="message")
        assert (row.scope, row.user_id, row.author) == ("user", "pair-1", "Nora")
        assert row.event_at == session.start_time
        assert not IndexRow.objects.filter(category="session_archive").exists()


def test_the_user_named_is_for_files_that_name_none(run, job):
    run("chat.json", "messages.json", user="uma")
    with behind_walls(job):
        users = dict(Session.objects.values_list("session_id", "user_id"))
    assert users.pop("support-1") == "rosa"
    assert list(users.values()) == ["uma"]


def long_chat(path: Path, length: int) -> Path:
    said = [{"role": ("user", "assistant")[n % 2], "content": f"message {n}"} for n in range(1, length + 1)]
    path.write_text(json.dumps({"id": "long", "messages": said}))
    return path


class Killed(BaseException):
    """What a killed process is to the code in it."""


def test_an_interrupted_import_goes_on_where_it_was(run, stored, tmp_path, monkeypatch, settings):
    path = long_chat(tmp_path / "long.json", 25)
    monkeypatch.setattr(settings.CONFIG.limits, "batch", 10)
    append, calls = messages.append, []

    def killed_in_the_third(**arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 3:
            raise Killed
        return append(**arguments)

    monkeypatch.setattr(messages, "append", killed_in_the_third)
    with pytest.raises(Killed):
        run(path)
    assert len(stored("long")) == 20
    monkeypatch.setattr(messages, "append", append)
    assert "25 messages are in the hub; 5 messages were added" in run(path)
    assert stored("long") == [(n, f"message {n}") for n in range(1, 26)]


def test_a_conversation_that_grew_is_continued(run, stored, tmp_path, job):
    run(long_chat(tmp_path / "a.json", 3))
    assert "2 messages were added" in run(long_chat(tmp_path / "b.json", 5))
    assert stored("long") == [(n, f"message {n}") for n in range(1, 6)]
    with behind_walls(job):
        assert Session.objects.get().status == "ended"


def test_an_imported_session_that_somebody_resumed_is_left_alone(run, stored, tmp_path, agent, job):
    path = long_chat(tmp_path / "a.json", 3)
    run(path)
    sessions.resume(session_id="long", principal=agent())
    assert "0 messages were added" in run(path)
    messages.append(session_id="long", messages=[NewMessage("user", "live")], principal=agent())
    assert "0 messages were added" in run(path)
    assert stored("long")[-1] == (4, "live")
    with behind_walls(job):
        assert Session.objects.get().status == "active"


def refused(run, capsys, path: Path, **options: Any) -> str:
    with pytest.raises(CommandError, match="1 records were skipped"):
        run(path, **options)
    return str(capsys.readouterr().err)


def test_a_session_that_somebody_started_is_not_touched(run, stored, tmp_path, agent, capsys):
    sessions.start(session_id="long", principal=agent())
    assert "does not come from an import" in refused(run, capsys, long_chat(tmp_path / "a.json", 3))
    assert stored("long") == []


def test_another_conversation_under_the_same_name_is_refused(run, stored, tmp_path, capsys):
    run(long_chat(tmp_path / "a.json", 3))
    other = tmp_path / "b.json"
    other.write_text(long_chat(tmp_path / "c.json", 5).read_text().replace("message 2", "changed"))
    assert "holds another conversation" in refused(run, capsys, other)
    assert "belongs to another user" in refused(run, capsys, tmp_path / "c.json", user="uma")
    assert len(stored("long")) == 3


def test_bad_records_are_named_and_the_rest_comes_in(run, stored, capsys):
    with pytest.raises(CommandError, match="9 records were skipped") as error:
        run("broken.jsonl")
    assert error.value.returncode == 1
    told = capsys.readouterr().err
    assert f"skipped {DATA / 'broken.jsonl'}:1.messages[1]: the role 'robot' is not one of" in told
    assert f"skipped {DATA / 'broken.jsonl'}:2: the line is not JSON" in told
    assert stored("ok") == [(1, "fine"), (2, "fine too")]


def test_a_tenant_that_cannot_be_is_one_line(capsys):
    with pytest.raises(CommandError, match="lower-case"):
        call_command("import_transcripts", str(DATA / "chat.json"), tenant="Not A Slug")
