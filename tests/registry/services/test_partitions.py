"""Daily partitions of the access log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import connection

from memoryhub.access.principals import system_principal
from memoryhub.access.walls import behind_walls
from memoryhub.registry.models import AccessRecord
from memoryhub.registry.services import partitions

pytestmark = pytest.mark.django_db


def log(days_ago: float) -> None:
    with behind_walls(system_principal("test", "acme")):
        AccessRecord.objects.create(
            tenant_id="acme", context_key="k", latency_ms=1, timestamp=datetime.now(UTC) - timedelta(days=days_ago)
        )


def rows_in(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return int(cursor.fetchone()[0])


def test_rows_that_waited_move_into_the_partition_of_their_day(as_role):
    log(0)
    log(3)
    with as_role("memoryhub_owner"):
        assert rows_in(partitions.REST) == 2
        made = partitions.ensure_partitions(2)
        assert made == [partitions.today() + timedelta(days=n) for n in range(3)]
        assert rows_in(partitions.REST) == 1
        assert rows_in(partitions.name_of(partitions.today())) == 1
        assert partitions.ensure_partitions(2) == []
    log(0)
    with behind_walls(system_principal("test", "acme")):
        assert AccessRecord.objects.count() == 3


def test_old_partitions_are_dropped(as_role):
    with as_role("memoryhub_owner"):
        call_command("maintain", days_ahead=1, verbosity=0)
        old = partitions.today() - timedelta(days=100)
        partitions.make(old)
        assert partitions.drop_old_partitions() == [old]
        assert partitions.existing() == [partitions.today(), partitions.today() + timedelta(days=1)]
