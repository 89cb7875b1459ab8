"""Rate limits: per key, and per address for those without one."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.db import connection

from memoryhub.access.models import RateBucket
from memoryhub.access.services import rates
from tests.conftest import HubClient

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("tests.access.api.doors"),
    pytest.mark.usefixtures("minute_that_stays"),
]


@pytest.fixture
def limits(monkeypatch):
    """``limits(per_key_per_minute=2)`` changes the configured rates for one test."""

    def change(**values: int) -> None:
        for name, value in values.items():
            monkeypatch.setattr(settings.CONFIG.rates, name, value)

    return change


def end_of_minute() -> None:
    """As if the minute of every bucket and lease had passed."""
    rates.forget_leases()
    with connection.cursor() as cursor:
        cursor.execute('UPDATE memory_rate_buckets SET "window" = "window" - 1')


def test_a_key_has_a_limit_of_its_own(api, limits):
    limits(per_key_per_minute=3)
    first, second = api(), api()
    assert [first.get("/memory/notes").status_code for _ in range(4)] == [200, 200, 200, 429]
    assert second.get("/memory/notes").status_code == 200
    refused = first.get("/memory/notes")
    assert refused.json()["code"] == "rate_limited"
    assert 1 <= int(refused["Retry-After"]) <= 60


def test_the_next_minute_admits_again(api, limits):
    limits(per_key_per_minute=1)
    client = api()
    assert [client.get("/memory/notes").status_code for _ in range(2)] == [200, 429]
    end_of_minute()
    assert client.get("/memory/notes").status_code == 200


def test_refused_permissions_count_too(api, limits):
    limits(per_key_per_minute=2)
    client = api(scopes=["read"])
    assert [client.post("/memory/notes", {"text": "x"}).status_code for _ in range(3)] == [403, 403, 429]


def test_processes_share_one_limit(db, limits):
    """Forgetting the leases is what another process looks like: it begins with none."""
    limits(lease_block=5)
    admitted = 0
    for _ in range(40):
        rates.forget_leases()
        admitted += rates.take("shared", 20) == 0
    assert admitted == 10  # blocks of a tenth: two tokens leased, one used, by each
    assert rates.take("shared", 20) > 0


def test_a_block_costs_one_statement(db, limits, django_assert_num_queries):
    limits(lease_block=10)
    with django_assert_num_queries(2):
        assert [rates.take("k", 1000) for _ in range(20)] == [0.0] * 20


def test_an_exhausted_limit_costs_none(db, django_assert_num_queries):
    rates.take("k", 1)
    with django_assert_num_queries(0):
        assert all(rates.take("k", 1) > 0 for _ in range(5))


def test_zero_turns_a_limit_off(db, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert [rates.take("k", 0) for _ in range(5)] == [0.0] * 5


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer nonsense"}], ids=["keyless", "wrong key"])
def test_callers_without_a_key_are_limited_by_address(limits, headers):
    limits(per_ip_per_minute=2)
    client = HubClient()
    answers = [client.get("/memory/notes", headers=headers).status_code for _ in range(3)]
    assert answers == [401, 401, 429]
    assert client.get("/memory/notes", headers=headers, REMOTE_ADDR="192.0.2.9").status_code == 401


def test_public_doors_are_limited_by_address(limits):
    limits(per_ip_per_minute=1)
    assert [HubClient().get("/memory/public").status_code for _ in range(2)] == [200, 429]


def test_a_good_key_is_served_from_a_limited_address(api, limits):
    limits(per_ip_per_minute=1)
    assert [HubClient().get("/memory/notes").status_code for _ in range(2)] == [401, 429]
    assert api().get("/memory/notes").status_code == 200


def refusals_from(forwarded: str) -> int:
    return int(HubClient().get("/memory/notes", headers={"X-Forwarded-For": forwarded}).status_code)


def test_forwarded_addresses_count_behind_trusted_proxies_only(limits, monkeypatch):
    limits(per_ip_per_minute=1)
    assert [refusals_from("192.0.2.1"), refusals_from("192.0.2.2")] == [401, 429]
    rates.forget_leases()
    RateBucket.objects.all().delete()
    monkeypatch.setattr(settings.CONFIG.server, "trusted_proxies", 1)
    assert [refusals_from("spoofed, 192.0.2.1"), refusals_from("192.0.2.2")] == [401, 401]
    assert refusals_from("other, 192.0.2.1") == 429


def test_an_ipv6_network_counts_as_one_caller(limits):
    limits(per_ip_per_minute=1)
    answers = [HubClient().get("/memory/notes", REMOTE_ADDR=f"2001:db8::{n}").status_code for n in (1, 2)]
    assert answers == [401, 429]


def test_the_sweep_removes_past_minutes(db):
    rates.take("old", 10)
    end_of_minute()
    end_of_minute()
    rates.take("new", 10)
    assert rates.sweep() == 1
    assert list(RateBucket.objects.values_list("name", flat=True)) == ["new"]
