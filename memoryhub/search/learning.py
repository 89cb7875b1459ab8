"""What the relay does for fuzzy search: it reads the words of what was stored."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from memoryhub.access.principals import system_principal
from memoryhub.search.services.vocabulary import learn_entries, learn_session
from memoryhub.search.topics import OF_ROWS
from memoryhub.sync.models import Delivery
from memoryhub.sync.stores import NotReady, Problem, topic_of

NAME = "vocabulary"
#: Reading is quick; only an import of tens of thousands of messages takes longer. The rest comes again at once.
LONGEST_SECONDS = 5.0


def learn(batch: Sequence[Delivery]) -> dict[int, Problem]:
    """Reads the words of what the deliveries are about; NotReady for those that there was no time for all of.

    Each gets its turn, so that nobody waits for a large import of somebody else.
    """
    until = time.monotonic() + LONGEST_SECONDS
    unfinished: dict[int, Problem] = {}
    rows: dict[str | None, list[UUID]] = defaultdict(list)
    for delivery in batch:
        if topic_of(delivery.event.event_type) in OF_ROWS:
            rows[delivery.tenant_id].append(delivery.object_id)
        elif not learned(delivery, until):
            unfinished[delivery.pk] = NotReady("There was no time for all of its words yet.", retry_in=0)
    for tenant, ids in rows.items():
        learn_entries(principal=system_principal(NAME, tenant), ids=ids)
    return unfinished


def learned(delivery: Delivery, until: float) -> bool:
    """Whether all words of its messages are known now."""
    principal = system_principal(NAME, delivery.tenant_id)
    session = delivery.event.context_key
    while learn_session(principal=principal, session=session, last=delivery.version):
        if time.monotonic() > until:
            return False
    return True
