"""Signing in: limited by address, and in the trail."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from memoryhub.access.models import AuditEvent
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


@pytest.fixture
def ann() -> User:
    return User.objects.create_user("ann", password=PASSWORD, is_staff=True)


def attempt(password: str, address: str = "192.0.2.1") -> bool:
    form = {"username": "ann", "password": password}
    return Client().post("/admin/login/", form, REMOTE_ADDR=address).status_code == 302


def trail() -> list[tuple[str, str]]:
    with behind_walls(Principal(kind="staff", name="reader")):
        return list(AuditEvent.objects.order_by("at", "id").values_list("action", "actor"))


def test_signing_in_and_out_is_written_down(ann):
    browser = Client()
    browser.post("/admin/login/", {"username": "ann", "password": PASSWORD})
    browser.post("/admin/logout/")
    assert trail() == [("access.staff.signed_in", "ann"), ("access.staff.signed_out", "ann")]


def test_failures_are_written_down_without_what_was_typed(ann):
    assert not attempt("wrong password")
    with behind_walls(Principal(kind="staff", name="reader")):
        (line,) = AuditEvent.objects.all()
    assert line.action == "access.request.refused"
    assert line.new == {"status": 401, "code": "sign_in_failed", "count": 1, "address": "192.0.2.1"}
    assert "ann" not in str(vars(line))


def test_guessing_is_limited_by_address(ann, minute_that_stays, monkeypatch):
    monkeypatch.setattr(settings.CONFIG.rates, "sign_ins_per_minute", 3)
    assert [attempt("wrong") for _ in range(3)] == [False] * 3
    assert not attempt(PASSWORD)
    assert attempt(PASSWORD, "192.0.2.2")
