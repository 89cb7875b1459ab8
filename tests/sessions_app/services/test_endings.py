"""How sessions close, and come back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from memoryhub.access.models import AuditEvent
from memoryhub.access.principals import system_principal
from memoryhub.access.walls import behind_walls
from sessions_app.exceptions import SessionClosed
from sessions_app.models import Session
from sessions_app.services import endings, messages, sessions
from sessions_app.services.messages import NewMessage

pytestmark = pytest.mark.django_db


@pytest.fixture
def talker(agent):
    principal = agent()
    sessions.start(session_id="s1", principal=principal)
    talk = [NewMessage("user", "I would like to sail to Elba next spring."), NewMessage("assistant", "Noted.")]
    messages.append(session_id="s1", messages=talk, principal=principal)
    return principal


def set_session(job, **fields) -> None:
    with behind_walls(job):
        Session.objects.update(**fields)


def test_ending_keeps_a_summary_and_closes(talker):
    ended = endings.end(session_id="s1", principal=talker, reason="done")
    assert (ended.status, ended.end_reason) == ("ended", "done")
    assert ended.summary.splitlines() == [
        "2 messages (1 from user, 1 from assistant)",
        "user: I would like to sail to Elba next spring.",
    ]
    assert ended.ended_at is not None
    with pytest.raises(SessionClosed):
        sessions.start(session_id="s1", principal=talker)


def test_ending_twice_changes_nothing(talker, job):
    first = endings.end(session_id="s1", principal=talker, reason="done")
    second = endings.end(session_id="s1", principal=talker, reason="other")
    assert (second.end_reason, second.version, second.ended_at) == ("done", first.version, first.ended_at)
    with behind_walls(job):
        assert AuditEvent.objects.filter(action="sessions.ended").count() == 1


def test_archiving_an_open_session_ends_it_first(talker, job):
    archived = endings.archive(session_id="s1", principal=talker)
    assert (archived.status, archived.end_reason) == ("archived", "archived")
    assert archived.summary
    assert endings.archive(session_id="s1", principal=talker).version == archived.version
    with pytest.raises(SessionClosed):
        endings.end(session_id="s1", principal=talker)


@pytest.mark.parametrize("status", ["active", "ended", "expired", "archived"])
def test_resume_works_from_any_state(talker, job, status):
    set_session(job, status=status, ended_at=None if status == "active" else timezone.now())
    resumed = sessions.resume(session_id="s1", principal=talker).session
    assert (resumed.status, resumed.ended_at) == ("active", None)
    assert messages.append(session_id="s1", messages=[NewMessage("user", "on")], principal=talker).first == 3


def test_only_idle_sessions_expire(talker, agent, job, as_role):
    sessions.start(session_id="fresh", principal=agent())
    with behind_walls(job):
        Session.objects.filter(session_id="s1").update(last_activity=timezone.now() - timedelta(hours=25))
    with as_role("memoryhub_system"):
        assert endings.expire_idle(principal=system_principal("test"), limit=100)["done"] == 1
        assert endings.expire_idle(principal=system_principal("test"), limit=100)["done"] == 0
    with behind_walls(job):
        expired = Session.objects.get(session_id="s1")
        assert (expired.status, expired.end_reason) == ("expired", "inactivity")
        assert expired.summary.startswith("2 messages")
        assert timezone.now() - expired.last_activity > timedelta(hours=24)
        assert Session.objects.get(session_id="fresh").status == "active"


def test_expiry_works_in_slices_over_tenants(agent, other_tenant, as_role, job):
    system = system_principal("test")
    for tenant in ("acme", other_tenant):
        for number in range(2):
            sessions.start(session_id=f"s{number}", principal=agent(tenant_id=tenant))
    with as_role("memoryhub_system"):
        with behind_walls(system):
            Session.objects.update(last_activity=timezone.now() - timedelta(days=2))
        assert endings.expire_idle(principal=system, limit=3)["done"] == 3
        assert endings.expire_idle(principal=system, limit=3)["done"] == 1


def test_activity_keeps_a_session_open(talker, job):
    set_session(job, last_activity=timezone.now() - timedelta(hours=25))
    messages.append(session_id="s1", messages=[NewMessage("user", "still here")], principal=talker)
    with behind_walls(job):
        session = Session.objects.get()
        assert not endings.expire(session=session.pk, principal=job)
        assert timezone.now() - session.last_activity < timedelta(minutes=1)
