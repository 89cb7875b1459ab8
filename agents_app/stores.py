"""The change feed as a store of the outbox: the relay numbers for each agent what it must know."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection, transaction

from memoryhub.sync.models import Delivery
from memoryhub.sync.stores import Problem, Topic, topic_of

NAME = "feed"
ENTRY, GRANT, CONFLICT = "entry", "grant", "conflict"
#: Whoever listens to live changes listens here (``LISTEN memoryhub_feed``).
CHANNEL = "memoryhub_feed"
#: PostgreSQL allows 8,000 bytes; what does not fit is found by looking.
LONGEST_NOTICE = 7_500

FEED_ENTRIES = "SELECT * FROM agents_feed_entries(%s::uuid[], %s::text[])"
FEED_CONFLICTS = "SELECT * FROM agents_feed_conflicts(%s::uuid[], %s::text[], %s::jsonb)"
NOTIFY = "SELECT pg_notify(%s, %s)"

#: Tenant, agent and the last number of a feed that grew.
Grown = tuple[str, str, int]


class FeedStore:
    """Registered in ``AppConfig.ready``. Each delivery says "look at this object again", so twice does no harm.

    Its commits wait for the disk, unlike the rest of the relay's: a number that somebody has read must not be given
    to something else after a crash.
    """

    name = NAME
    topics: frozenset[Topic] = frozenset({ENTRY, GRANT, CONFLICT})
    scopes = frozenset({"agent"})
    #: One function call for all of them: more at a time cost hardly more.
    batch = 400

    def deliver(self, batch: Sequence[Delivery]) -> dict[int, Problem]:
        # what belongs to no tenant belongs to no agent
        owned = [delivery for delivery in batch if delivery.tenant_id is not None]
        conflicts = [delivery for delivery in owned if topic_of(delivery.event.event_type) == CONFLICT]
        entries = [delivery for delivery in owned if topic_of(delivery.event.event_type) != CONFLICT]
        with transaction.atomic():
            grown = feed_entries(entries) + feed_conflicts(conflicts)
            notify(grown, {str(delivery.tenant_id) for delivery in conflicts})
        return {}


def feed_entries(deliveries: Sequence[Delivery]) -> list[Grown]:
    return grown(FEED_ENTRIES, deliveries)


def feed_conflicts(deliveries: Sequence[Delivery]) -> list[Grown]:
    concerned = [delivery.event.payload.get("agents", []) for delivery in deliveries]
    return grown(FEED_CONFLICTS, deliveries, json.dumps(concerned))


def grown(statement: str, deliveries: Sequence[Delivery], *further: Any) -> list[Grown]:
    if not deliveries:
        return []
    ids = [delivery.object_id for delivery in deliveries]
    tenants = [delivery.tenant_id for delivery in deliveries]
    with connection.cursor() as cursor:
        cursor.execute(statement, [ids, tenants, *further])
        return list(cursor.fetchall())


def notify(grown: Iterable[Grown], disputed: Iterable[str]) -> None:
    """Tells the listeners, at commit, which feeds grew and in which tenants conflicts moved."""
    feeds: dict[tuple[str, str], int] = {}
    for tenant, agent, last_seq in grown:
        feeds[tenant, agent] = max(last_seq, feeds.get((tenant, agent), 0))
    news = {"feeds": [[*names, number] for names, number in feeds.items()], "conflicts": sorted(disputed)}
    if not any(news.values()):
        return
    text = json.dumps(news, separators=(",", ":"))
    if len(text.encode()) > LONGEST_NOTICE:
        text = json.dumps({"feeds": None, "conflicts": None})
    with connection.cursor() as cursor:
        cursor.execute(NOTIFY, [CHANNEL, text])
