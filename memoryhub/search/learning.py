"""What the relay does for fuzzy search: it reads the words of what was stored."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from memoryhub.access.principals import system_principal
from memoryhub.search.services.vocabulary import learn_entries, learn_session
from memoryhub.sync.models import Delivery
from memoryhub.sync.stores import NotReady, topic_of

NAME = "vocabulary"
#: Reading is quick; only an import of tens of thousands of messages takes longer. The rest comes again at once.
LONGEST_SECONDS = 5.0


def learn(batch: Sequence[Delivery]) -> None:
    """Reads the words of what the deliveries are about. Raises NotReady when there was no time for all of it."""
    until = time.monotonic() + LONGEST_SECONDS
    entries: dict[str | None, list[UUID]] = defaultdict(list)
    for delivery in batch:
        if topic_of(delivery.event.event_type) == "entry":
            entries[delivery.tenant_id].append(delivery.object_id)
        else:
            learn_messages(delivery, until)
    for tenant, ids in entries.items():
        learn_entries(principal=system_principal(NAME, tenant), ids=ids)


def learn_messages(delivery: Delivery, until: float) -> None:
    principal = system_principal(NAME, delivery.tenant_id)
    session = delivery.event.context_key
    while learn_session(principal=principal, session=session, last=delivery.version):
        if time.monotonic() > until:
            raise NotReady("There was no time for all of its words yet.", retry_in=0)
