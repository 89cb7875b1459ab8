"""Migrations that change what was there can be taken back and repeated."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection

from agents_app.models import Notice, NoticeRead, Presence
from memoryhub.access.ids import new_id

pytestmark = pytest.mark.django_db


def test_notices_and_people_of_other_houses_leave_when_their_place_does(
    as_role: Callable[[str], AbstractContextManager[None]],
):
    with as_role("memoryhub_owner"), connection.cursor() as cursor:
        user = User.objects.create(username="rita")
        about = {"tenant_id": "acme", "subject": "approval", "subject_id": new_id(), "title": "Ship it?"}
        notice = Notice.objects.create(reason=Notice.Reason.ASKED, severity="high", **about)
        NoticeRead.objects.create(tenant_id="acme", notice=notice, user=user)
        Presence.objects.create(user=user, **about)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        call_command("migrate", "agents_app", "0010", verbosity=0)
        call_command("migrate", "agents_app", verbosity=0)
        assert not Notice.objects.exists()
        assert not Presence.objects.exists()
