"""Notices in the admin: what was told, what is new to the user who looks, and the line on the dashboard."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from agents_app.models import Conflict, Notice, NoticeRead
from memoryhub.access.walls import behind_walls
from tests.agents_app.admin.test_queue import EVERYTHING, found

LIST = "/admin/agents_app/notice/"


def notice(key: str = "prefs", **fields: Any) -> Notice:
    conflict: Conflict = found(key, **{name: fields.pop(name) for name in ("tenant",) if name in fields})
    with behind_walls(EVERYTHING):
        made: Notice = Notice.objects.create(
            **{"conflict": conflict, "tenant_id": conflict.tenant_id, "reason": "opened", "severity": "critical"}
            | fields
        )
    return made


def page(browser: Client, address: str = LIST) -> str:
    answer = browser.get(address)
    assert answer.status_code == 200
    return str(answer.content.decode())


@pytest.mark.parametrize("role", ["Administrator", "Conflict reviewer", "Auditor"])
def test_staff_reads_and_marks(db: None, sign_in: Any, role: str) -> None:
    one, browser = notice(), sign_in(role)
    assert "prefs" in page(browser, f"{LIST}?reading=unread")
    address = reverse("admin:agents_app_notice_verb", args=[one.pk, "read"])
    assert "Mark as read" in page(browser, reverse("admin:agents_app_notice_change", args=[one.pk]))
    assert "Marked as read" in browser.post(address, follow=True).content.decode()
    assert "prefs" not in page(browser, f"{LIST}?reading=unread")
    assert "prefs" in page(browser, f"{LIST}?reading=read")
    assert "prefs" in page(sign_in(role), f"{LIST}?reading=unread"), "others have not read it"


def test_many_are_marked_at_once(db: None, sign_in: Any) -> None:
    chosen = [str(notice(key).pk) for key in ("one", "two")]
    answer = sign_in("Auditor").post(LIST, {"action": "mark_read", "_selected_action": chosen}, follow=True)
    assert "2 marked as read" in answer.content.decode()
    with behind_walls(EVERYTHING):
        assert NoticeRead.objects.count() == 2


def test_nobody_sees_what_is_meant_for_others(db: None, sign_in: Any) -> None:
    ben = User.objects.create_user("ben", is_staff=True)
    one = notice("for ben", recipient=ben, reason="assigned")
    theirs = notice("theirs", tenant="globex")
    limited = sign_in(tenants=["acme"])
    assert "for ben" not in page(limited)
    for hidden in (one, theirs):
        assert limited.get(reverse("admin:agents_app_notice_change", args=[hidden.pk])).status_code == 302
        assert limited.post(reverse("admin:agents_app_notice_verb", args=[hidden.pk, "read"])).status_code in (302, 404)
    with behind_walls(EVERYTHING):
        assert not NoticeRead.objects.exists()
    assert Client().get(LIST).status_code == 302
    assert sign_in("").get(LIST).status_code == 403


def test_the_dashboard_counts_what_is_unread(db: None, sign_in: Any) -> None:
    browser = sign_in("Conflict reviewer")
    assert "Unread notice" not in page(browser, "/admin/")
    one = notice()
    assert "Unread notice" in page(browser, "/admin/")
    browser.post(reverse("admin:agents_app_notice_verb", args=[one.pk, "read"]))
    assert "Unread notice" not in page(browser, "/admin/")
    assert page(browser, "/admin/agents_app/noticeread/")
