"""When the job cluster counts as dead."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from memoryhub.runtime.watchdog import HEARTBEAT, heartbeat_age, is_stale
from memoryhub.sync.models import Heartbeat


@pytest.mark.parametrize(
    ("age", "running", "stale"),
    [(5, 1000, False), (121, 1000, True), (None, 1000, True), (None, 30, False), (500, 30, False)],
)
def test_a_silent_cluster_is_stale_once_it_had_time_to_start(age, running, stale):
    assert is_stale(age, running, 120) is stale


@pytest.mark.django_db(transaction=True)
def test_the_age_of_the_heartbeat_is_read_from_the_database(as_role):
    with as_role("memoryhub_system"):
        Heartbeat.objects.create(name=HEARTBEAT, at=timezone.now() - timedelta(seconds=300))
    parts = connection.get_connection_params()
    url = f"postgresql://memoryhub_system@/{parts['dbname']}?host={parts['host']}"
    assert heartbeat_age(url) == pytest.approx(300, abs=30)
    assert heartbeat_age(url, "nobody") is None


def test_a_database_that_cannot_be_asked_is_no_reason_to_kill(tmp_path):
    assert heartbeat_age(f"postgresql://x@/x?host={tmp_path}") is None
