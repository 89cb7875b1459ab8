"""What people do with deliveries."""

from __future__ import annotations

import pytest

from memoryhub.access.exceptions import Forbidden
from memoryhub.access.models import AuditEvent
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.walls import behind_walls
from memoryhub.sync.models import Delivery, SyncEvent
from memoryhub.sync.services import deliveries, outbox
from memoryhub.sync.services.relay import run_once
from tests.sync.mirror import WRITER, announce

pytestmark = pytest.mark.django_db

ADMIN = frozenset({"admin"})
STAFF = Principal(kind="staff", name="ann", permissions=ADMIN)
OTHER = Principal(kind="key", name="k", tenant_id="other")


def seen() -> list[tuple[str, int]]:
    with behind_walls(STAFF):
        return list(Delivery.objects.order_by("id").values_list("status", "attempts"))


def ids() -> list[int]:
    with behind_walls(STAFF):
        return list(Delivery.objects.order_by("id").values_list("id", flat=True))


def set_status(status: str, attempts: int) -> None:
    with behind_walls(STAFF):
        Delivery.objects.update(status=status, attempts=attempts)


def test_a_parked_delivery_is_tried_again(mirror, as_role):
    announce()
    set_status("parked", 8)
    assert deliveries.retry(ids(), principal=STAFF, reason="store repaired") == 1
    assert seen() == [("pending", 0)]
    with as_role("memoryhub_system"):
        assert run_once() == 1
    assert seen() == [("done", 1)]


def test_a_delivery_is_parked_and_the_event_says_by_whom(mirror):
    announce()
    assert deliveries.park(ids(), principal=STAFF, reason="not wanted") == 1
    with behind_walls(STAFF):
        assert SyncEvent.objects.get().error == "Parked by ann: not wanted"
    assert seen() == [("parked", 0)]


def test_delivered_ones_are_left_alone(mirror):
    announce()
    set_status("done", 1)
    assert deliveries.retry(ids(), principal=STAFF) == 0
    assert deliveries.park(ids(), principal=STAFF) == 0
    assert seen() == [("done", 1)]


def test_a_claimed_delivery_is_not_made_due_under_the_hands_of_its_relay(mirror, as_role):
    announce()
    with as_role("memoryhub_system"):
        claim = outbox.claim("mirror")
    assert deliveries.retry(ids(), principal=STAFF) == 0
    assert deliveries.park(ids(), principal=STAFF) == 1
    with as_role("memoryhub_system"):
        outbox.finish(claim.all)
    assert seen() == [("parked", 1)]


def test_it_is_audited_per_tenant(mirror):
    announce()
    announce(by=OTHER)
    deliveries.park(ids(), principal=STAFF, reason="why")
    with behind_walls(STAFF):
        rows = list(AuditEvent.objects.order_by("tenant_id").values("tenant_id", "action", "actor", "reason", "new"))
    numbers = ids()
    assert rows == [
        {
            "tenant_id": tenant,
            "action": "sync.delivery.parked",
            "actor": "ann",
            "reason": "why",
            "new": {"deliveries": [number]},
        }
        for tenant, number in zip(["acme", "other"], numbers, strict=True)
    ]


def test_staff_of_one_tenant_reaches_no_other(mirror):
    announce()
    announce(by=OTHER)
    limited = Principal(kind="staff", name="ben", staff_tenants=("other",), permissions=ADMIN)
    assert deliveries.park(ids(), principal=limited) == 1
    assert seen() == [("pending", 0), ("parked", 0)]


def test_deliveries_of_global_entries_belong_to_unlimited_staff(mirror):
    announce(by=system_principal("test"))
    limited = Principal(kind="staff", name="ben", staff_tenants=("other",), permissions=ADMIN)
    assert deliveries.park(ids(), principal=limited) == 0
    assert deliveries.park(ids(), principal=STAFF) == 1


def test_an_api_key_governs_no_deliveries(mirror):
    announce()
    with pytest.raises(Forbidden):
        deliveries.retry(ids(), principal=WRITER)


def test_staff_that_may_not_govern_is_refused(mirror):
    announce()
    with pytest.raises(Forbidden):
        deliveries.retry(ids(), principal=Principal(kind="staff", name="eve", permissions=frozenset({"read"})))
