"""Writers that add to one number over HTTP, each in its own time: nothing that was acknowledged is lost."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.lost_updates import check, increments
from tests.concurrency.superuser import superuser
from tests.conftest import HubClient


@pytest.mark.django_db(transaction=True)
def test_no_addition_is_lost(live_server: Any, make_key: Any) -> None:
    key = make_key(scopes=("read", "write"))
    client = HubClient(headers={"Authorization": f"Bearer {key}"})
    entry = client.post("/memory/context/store", {"key": "counter", "value": {"n": 0}}).json()["entry_id"]
    report = increments(int(live_server.url.rsplit(":", 1)[1]), key, entry, writers=6, times=5)
    with superuser() as database:
        check(database, entry, report)
    assert report.acknowledged == 30
    assert report.clean, report
