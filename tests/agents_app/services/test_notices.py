"""Staff hears of conflicts that must not wait: in the admin, by e-mail, by signed webhook; once a reason."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone
from pydantic import SecretStr

from agents_app.models import Conflict, Notice, NoticeRead
from agents_app.notice_stores import NoticeEmail, NoticeWebhook, subject, text
from agents_app.noticed import About
from agents_app.services import conflicts, notices
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import agents, tenants
from memoryhub.access.walls import behind_walls
from memoryhub.registry.services import deletion, entries
from memoryhub.registry.services.drafts import Change, Draft
from memoryhub.sync import stores
from memoryhub.sync.models import Delivery, SyncEvent
from memoryhub.sync.services.relay import run_once
from tests.agents_app.mail_server import MailServer, mail_server
from tests.sync.mirror import registered
from tests.sync.store_server import signed

JOB = system_principal("test", "acme")
STAFF = Principal(kind="staff", name="rita", permissions=frozenset({"read", "write", "admin"}))
SECRET = "a secret of the hub"
VALUE = "platinum-7421"
AsRole = Callable[[str], AbstractContextManager[None]]


def agent(name: str) -> Principal:
    held = frozenset({"read", "write", "admin"})
    return Principal(kind="key", name=name, tenant_id="acme", agent_id=name, permissions=held)


@pytest.fixture(autouse=True)
def known(db: None) -> None:
    tenants.ensure(principal=JOB, tenant_id="acme")
    for name in ("alden", "alice"):
        agents.ensure(principal=JOB, tenant_id="acme", agent_id=name)


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """``config(smtp_port=…)`` changes the section ``notices`` for this test, and gives it."""

    def change(**fields: Any) -> Any:
        for name, value in fields.items():
            monkeypatch.setattr(settings.CONFIG.notices, name, value)
        return settings.CONFIG.notices

    return change


def conflict(priority: str = "critical", key: str = "prefs/user-42") -> Conflict:
    entry_id = entries.store(
        Draft(key=key, value={"tier": "silver"}, scope="tenant", priority=priority), principal=agent("alden")
    ).entry_id
    entries.change(entry_id, Change(value={"tier": "gold"}, if_present=True), principal=agent("alden"))
    done = conflicts.submit(
        entry_id, principal=agent("alice"), base_version=1, value={"tier": VALUE}, strategy="manual_review"
    )
    assert done.conflict_id
    with behind_walls(JOB):
        found: Conflict = Conflict.objects.get(pk=done.conflict_id)
        return found


def reasons(found: Conflict) -> list[str]:
    with behind_walls(JOB):
        return sorted(Notice.objects.filter(conflict=found).values_list("reason", flat=True))


def test_a_critical_conflict_is_told_at_once_and_another_one_not() -> None:
    assert reasons(conflict("critical")) == ["opened"]
    assert reasons(conflict("medium", key="other")) == []


def test_the_severity_is_a_setting(config: Callable[..., Any]) -> None:
    config(min_severity="low")
    assert reasons(conflict("low")) == ["opened"]


def test_what_becomes_critical_later_is_told_then() -> None:
    found = conflict("high")
    with behind_walls(JOB):
        Conflict.objects.filter(pk=found.pk).update(severity="critical")
        found.refresh_from_db()
        for _ in range(2):
            notices.announced("escalated", found, principal=JOB)
    assert reasons(found) == ["escalated"]


def test_who_is_assigned_hears_of_it_however_small() -> None:
    found = conflict("low")
    ben = User.objects.create_user("ben", email="ben@example.org", is_staff=True)
    for name in ("ben", None, "ben"):
        conflicts.assign(found.pk, principal=STAFF, username=name)
    with behind_walls(JOB):
        [notice] = Notice.objects.filter(conflict=found)
    assert (notice.reason, notice.recipient_id) == ("assigned", ben.pk)


def test_who_takes_it_needs_no_telling() -> None:
    found = conflict("low")
    ben = User.objects.create_user("ben", is_staff=True)
    me = Principal(kind="staff", name="ben", staff_pk=ben.pk, permissions=frozenset({"read", "write"}))
    conflicts.assign(found.pk, principal=me, username="ben")
    assert reasons(found) == []


def aged(found: Conflict, **fields: Any) -> None:
    with behind_walls(JOB):
        Conflict.objects.filter(pk=found.pk).update(**fields)


def look(as_role: AsRole) -> int:
    with as_role("memoryhub_system"):
        return notices.overdue(principal=system_principal("job"), limit=100)


def test_what_waits_for_too_long_is_told_once(as_role: AsRole, config: Callable[..., Any]) -> None:
    past = timezone.now() - timedelta(hours=50)
    late, old, snoozed, fine = (conflict("low", key=key) for key in ("late", "old", "snoozed", "fine"))
    aged(late, due_at=past)
    aged(old, created_at=past)
    aged(snoozed, due_at=past, snoozed_until=timezone.now() + timedelta(hours=1))
    assert [look(as_role), look(as_role)] == [2, 0]
    assert [reasons(one) for one in (late, old, snoozed, fine)] == [["overdue"], ["overdue"], [], []]


def test_reading_is_each_user_s_own() -> None:
    found = conflict()
    readers = [User.objects.create_user(name, is_staff=True) for name in ("ann", "ben")]
    staff = [Principal(kind="staff", name=user.username, staff_pk=user.pk) for user in readers]
    with behind_walls(JOB):
        ids = list(Notice.objects.filter(conflict=found).values_list("pk", flat=True))
    assert [notices.mark_read(ids, principal=staff[0]) for _ in range(2)] == [1, 0]
    with behind_walls(JOB):
        unread = [Notice.objects.unread_by(user.pk).count() for user in readers]
        assert NoticeRead.objects.count() == 1
    assert unread == [0, 1]
    limited = Principal(kind="staff", name="eve", staff_pk=readers[1].pk, staff_tenants=("globex",))
    assert notices.mark_read(ids, principal=limited) == 0


# -- the channels ------------------------------------------------------------------------------------


@pytest.fixture
def mail(config: Callable[..., Any]) -> Iterator[MailServer]:
    """A mail server, and the hub set up to use it."""
    with mail_server() as server:
        config(
            smtp_host="127.0.0.1",
            smtp_port=server.port,
            smtp_tls="off",
            email_recipients=["ops@example.org"],
            hub_url="https://hub.example.org/",
        )
        with registered(NoticeEmail(settings.CONFIG.notices)):
            yield server


def deliver(as_role: AsRole) -> list[Any]:
    """One round of the relay; how deliveries stand then."""
    with as_role("memoryhub_system"):
        run_once()
        Delivery.objects.filter(status="pending").update(next_at=timezone.now())
        return list(Delivery.objects.order_by("pk").values_list("status", "attempts", "error"))


def test_a_letter_says_what_where_how_old_and_no_value(mail: MailServer, as_role: AsRole) -> None:
    found = conflict()
    assert [state[0] for state in deliver(as_role)] == ["done"]
    [(to, letter)] = mail.letters
    content = letter.get_content()  # type: ignore[attr-defined]
    assert to == ["ops@example.org"]
    assert letter["Subject"] == "[MemoryHub] critical conflict opened: prefs/user-42"
    assert f"https://hub.example.org/admin/agents_app/conflict/{found.pk}/change/" in content
    assert all(part in content for part in ("prefs/user-42", "acme", "Opened:", "Stale edit"))
    assert VALUE not in letter.as_string()


def test_an_assignment_is_sent_to_the_assignee(mail: MailServer, as_role: AsRole) -> None:
    User.objects.create_user("ben", email="ben@example.org", is_staff=True)
    conflicts.assign(conflict("low").pk, principal=STAFF, username="ben")
    deliver(as_role)
    assert [to for to, _ in mail.letters] == [["ben@example.org"]]


def test_a_refused_letter_is_tried_again(mail: MailServer, as_role: AsRole) -> None:
    conflict()
    mail.refusals = ["450 later"]
    [(status, attempts, error)] = deliver(as_role)
    assert (status, attempts) == ("pending", 1)
    assert "450" in error
    assert deliver(as_role)[0][0] == "done"
    assert len(mail.letters) == 1


def test_a_letter_that_is_always_refused_is_parked(
    mail: MailServer, as_role: AsRole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings.CONFIG.sync, "max_attempts", 2)
    conflict()
    mail.refusals = ["550 no such user"] * 2
    assert [deliver(as_role)[0][0] for _ in range(2)] == ["pending", "parked"]


def test_a_mail_server_that_is_away_is_no_failure(
    mail: MailServer, as_role: AsRole, config: Callable[..., Any]
) -> None:
    conflict()
    config(smtp_port=1)
    [(status, attempts, error)] = deliver(as_role)
    assert (status, attempts) == ("pending", 0)
    assert "cannot be reached" in error
    config(smtp_port=mail.port)
    assert deliver(as_role)[0][0] == "done"


def test_a_decided_conflict_needs_no_letter(mail: MailServer, as_role: AsRole) -> None:
    found = conflict()
    aged(found, status="resolved")
    assert deliver(as_role)[0][0] == "done"
    assert mail.letters == []


def test_a_key_cannot_add_headers(mail: MailServer, as_role: AsRole) -> None:
    conflict(key="k\r\nBcc: eve@example.org\u202e" + "x" * 300)
    deliver(as_role)
    [(to, letter)] = mail.letters
    assert to == ["ops@example.org"]
    assert letter["Bcc"] is None
    assert len(letter["Subject"]) < 200


@contextmanager
def webhook_server() -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """A port, and what was posted there with a right signature."""
    took: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            right = signed(SECRET, self.headers["X-MemoryHub-Signature"], body)
            if right:
                took.append(json.loads(body))
            self.send_response(200 if right else 401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield server.server_port, took
        server.shutdown()


def test_a_webhook_gets_ids_and_a_link_signed(
    as_role: AsRole, config: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings.CONFIG.access, "webhook_secret", SecretStr(SECRET))
    with webhook_server() as (port, took):
        config(webhook_url=f"http://127.0.0.1:{port}/hook", hub_url="https://hub.example.org")
        with registered(NoticeWebhook(settings.CONFIG.notices)):
            found = conflict()
            assert [state[0] for state in deliver(as_role)] == ["done"]
    [said] = took
    assert said["event_type"] == "notice.opened"
    assert said["state"]["conflict_id"] == str(found.pk)
    assert said["state"]["severity"] == "critical"
    assert said["state"]["link"].startswith("https://hub.example.org/admin/")
    assert VALUE not in json.dumps(said)


def test_without_settings_nothing_leaves_the_hub() -> None:
    assert stores.targets(notices.TOPIC) == []
    conflict()
    assert not Delivery.objects.filter(event__event_type__startswith="notice.").exists()


def test_erasing_an_entry_takes_its_notices_along(mail: MailServer) -> None:
    found = conflict()
    deletion.erase(found.entry_id, principal=agent("alden"), reason="asked for")
    with behind_walls(JOB):
        assert not Notice.objects.exists()
        assert not SyncEvent.objects.filter(event_type__startswith="notice.").exists()


def test_what_is_said_needs_no_time_of_its_own() -> None:
    about = About("conflict", "Duplicate", "k", "low", None, timezone.now(), None, True, "/admin/")
    told = notices.Told(UUID(int=0), "overdue", "A conflict has waited for too long.", about, None)
    assert "no time set" in text(told)
    assert subject(told) == "[MemoryHub] low conflict waits for too long: k"
