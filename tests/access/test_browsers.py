"""Sessions, tokens and accounts are for people; agents pass them by."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

pytestmark = pytest.mark.django_db


def test_a_session_means_nothing_to_the_api(sign_in):
    browser = sign_in(superuser=True)
    with CaptureQueriesContext(connection) as asked:
        answer = browser.post("/memory/context/retrieve", {"key": "k"}, content_type="application/json")
    assert answer.status_code == 401
    assert "Set-Cookie" not in answer
    assert not [query for query in asked if "django_session" in query["sql"]]


def test_pages_may_not_be_framed_and_have_a_session(db):
    answer = Client().get("/admin/login/")
    assert answer["X-Frame-Options"] == "DENY"
    assert "csrftoken" in answer.cookies
