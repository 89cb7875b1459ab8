"""Staff hears of approvals: in the admin, by e-mail, by webhook; once a reason, and while they wait."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from agents_app.models import Notice
from agents_app.notice_stores import NoticeEmail, document, text
from agents_app.services import notices
from memoryhub.access.principals import system_principal
from memoryhub.access.walls import behind_walls
from memoryhub.sync.services.relay import run_once
from procedures_app.models import Approval
from procedures_app.services import approval_notices
from tests.agents_app.mail_server import mail_server
from tests.procedures_app.admin.running import EVERYTHING, approval, run
from tests.sync.mirror import registered

JOB = system_principal("test", "acme")
AsRole = Callable[[str], AbstractContextManager[None]]
LIST = "/admin/agents_app/notice/"


def told(found: Approval, *, times: int = 1) -> Notice:
    with behind_walls(JOB):
        for _ in range(times):
            approval_notices.asked(found, principal=JOB)
        made: Notice = Notice.objects.get(subject_id=found.pk)
    return made


def decided(found: Approval) -> None:
    with behind_walls(EVERYTHING):
        Approval.objects.filter(pk=found.pk).update(status="approved")


def test_an_approval_is_told_once_with_names_and_times(db: None) -> None:
    found = approval(run(), reason="a secret of the customer", kind="escalation")
    notice = told(found, times=2)
    assert (notice.reason, notice.severity) == ("asked", "high")
    with behind_walls(JOB):
        said = notices.told([notice.pk])[notice.pk]
    assert document(said)["approval_id"] == str(found.pk)
    assert document(said)["link"].endswith(f"/admin/procedures_app/approval/{found.pk}/change/")
    assert all(part in text(said) for part in ("deploy, step ship", "Decide about a failed step", "acme", "high"))
    assert "secret" not in text(said) + str(document(said))


def test_a_letter_is_sent_while_it_waits(as_role: AsRole, monkeypatch: pytest.MonkeyPatch) -> None:
    with mail_server() as server:
        fields = {"smtp_host": "127.0.0.1", "smtp_port": server.port, "smtp_tls": "off"}
        for name, value in {**fields, "email_recipients": ["ops@example.org"]}.items():
            monkeypatch.setattr(settings.CONFIG.notices, name, value)
        with registered(NoticeEmail(settings.CONFIG.notices)):
            told(approval(run()))
            over = approval(run())
            told(over)
            decided(over)
            with as_role("memoryhub_system"):
                run_once()
    [(to, letter)] = server.letters
    assert to == ["ops@example.org"]
    assert letter["Subject"] == "[MemoryHub] medium approval waits for a decision: deploy, step ship"


def test_what_waits_for_too_long_is_told_once(as_role: AsRole) -> None:
    now = timezone.now()
    old, lapsing, fine = (approval(run()) for _ in range(3))
    with behind_walls(EVERYTHING):
        Approval.objects.filter(pk=old.pk).update(created_at=now - timedelta(hours=50))
        Approval.objects.filter(pk=lapsing.pk).update(expires_at=now + timedelta(hours=1))
    with as_role("memoryhub_system"):
        job = system_principal("job")
        assert [approval_notices.overdue(principal=job, limit=100) for _ in range(2)] == [2, 0]
    with behind_walls(JOB):
        late = Notice.objects.filter(reason="overdue").values_list("subject_id", flat=True)
        assert set(late) == {old.pk, lapsing.pk}
    assert fine.pk not in late


def test_who_is_assigned_hears_of_it_alone(db: None) -> None:
    ben = User.objects.create_user("ben", is_staff=True)
    found = approval(run(), assignee=ben)
    with behind_walls(JOB):
        approval_notices.assigned(found, principal=JOB)
        [notice] = Notice.objects.all()
    assert (notice.reason, notice.recipient_id) == ("assigned", ben.pk)


def test_it_stands_in_the_list_and_on_the_dashboard_until_it_is_decided(db: None, sign_in: Any) -> None:
    browser = sign_in("Procedure editor")
    found = approval(run())
    notice = told(found)
    page = browser.get(f"{LIST}?reading=unread").content.decode()
    assert "Skip a step: deploy, step ship" in page
    assert f"/admin/procedures_app/approval/{found.pk}/change/" in page
    assert "Unread notice" in browser.get("/admin/").content.decode()
    assert browser.get(f"{LIST}{notice.pk}/change/").status_code == 200
    decided(found)
    assert "deploy, step ship" not in browser.get(f"{LIST}?reading=unread").content.decode()
    assert "Over" in browser.get(LIST).content.decode()
