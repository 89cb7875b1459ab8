"""The change feed as a store of the outbox: the relay numbers for each agent what it must know."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import connection, transaction

from agents_app import news
from memoryhub.sync.models import Delivery
from memoryhub.sync.stores import Problem, Topic, topic_of

NAME = "feed"
ENTRY, GRANT, CONFLICT = "entry", "grant", "conflict"
#: What agents' feeds are made of.
FED: frozenset[Topic] = frozenset({ENTRY, GRANT, CONFLICT})
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
    scopes = frozenset({"agent"})
    #: One function call for all of them: more at a time cost hardly more.
    batch = 400

    @property
    def topics(self) -> frozenset[Topic]:
        return FED | news.topics()

    def deliver(self, batch: Sequence[Delivery]) -> dict[int, Problem]:
        by_topic: dict[Topic, list[Delivery]] = defaultdict(list)
        for delivery in batch:
            # what belongs to no tenant belongs to no agent
            if delivery.tenant_id is not None:
                by_topic[topic_of(delivery.event.event_type)].append(delivery)
        with transaction.atomic():
            grown = feed_entries([*by_topic[ENTRY], *by_topic[GRANT]]) + feed_conflicts(by_topic[CONFLICT])
            notify(grown, {topic: tenants_of(by_topic[topic]) for topic in news.topics() if by_topic[topic]})
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


def tenants_of(deliveries: Sequence[Delivery]) -> list[str]:
    return sorted({str(delivery.tenant_id) for delivery in deliveries})


def notify(grown: Iterable[Grown], moved: Mapping[Topic, Sequence[str]]) -> None:
    """Tells the listeners, at commit, which feeds grew, and in which tenants something of a topic moved."""
    feeds: dict[tuple[str, str], int] = {}
    for tenant, agent, last_seq in grown:
        feeds[tenant, agent] = max(last_seq, feeds.get((tenant, agent), 0))
    said = {"feeds": [[*names, number] for names, number in feeds.items()], "moved": moved}
    if not any(said.values()):
        return
    text = json.dumps(said, separators=(",", ":"))
    if len(text.encode()) > LONGEST_NOTICE:
        text = json.dumps({"feeds": None, "moved": None})
    with connection.cursor() as cursor:
        cursor.execute(NOTIFY, [CHANNEL, text])
