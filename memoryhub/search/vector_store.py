"""The vector store: a mirror of the index in vectors, filled by the relay so that storing waits for no model."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from uuid import UUID

from memoryhub.access.principals import system_principal
from memoryhub.access.walls import behind_walls
from memoryhub.search.embeddings import ModelNotReady, ModelPackagesMissing
from memoryhub.search.learning import learn
from memoryhub.search.services import index
from memoryhub.search.services.index import ROWS_AT_A_TIME, Text
from memoryhub.search.services.spaces import Space, active_space
from memoryhub.sync.models import Delivery
from memoryhub.sync.stores import NotReady, Problem, Topic, topic_of

NAME = "vector"
ENTRY, MESSAGES = "entry", "messages"
#: Well below the time that a claimed delivery is left alone; what is not done by then comes again at once.
LONGEST_SECONDS = 15.0
LOADING_PAUSE = 2.0
MISSING_PAUSE = 60.0


class VectorStore:
    """Registered in ``AppConfig.ready``. Removed rows need nothing here: their vectors go with them."""

    name = NAME
    topics: frozenset[Topic] = frozenset({ENTRY, MESSAGES})

    def __init__(self) -> None:
        self._stopping = threading.Event()

    def start(self) -> None:
        self._stopping.clear()
        space = active_space()
        if space is not None:
            space.embedder.warm()

    def stop(self) -> None:
        self._stopping.set()

    def deliver(self, batch: Sequence[Delivery]) -> dict[int, Problem]:
        # first, and without a model: words are found in spite of typing errors even where embedding is off
        learn(batch)
        space = active_space()
        if space is None:
            return {}
        until = time.monotonic() + LONGEST_SECONDS
        try:
            return {delivery.pk: reason for delivery, reason in self._unfinished(batch, space, until)}
        except ModelPackagesMissing as error:
            raise NotReady(str(error), retry_in=MISSING_PAUSE) from error
        except ModelNotReady as error:
            raise NotReady(str(error), retry_in=error.retry_in or LOADING_PAUSE) from error

    def _unfinished(self, batch: Sequence[Delivery], space: Space, until: float) -> Iterator[tuple[Delivery, NotReady]]:
        for group in by_tenant(batch):
            waiting = list(group)
            while waiting and not self._stopping.is_set() and time.monotonic() < until:
                waiting = embed_some(waiting, space)
            for delivery in waiting:
                yield delivery, NotReady("There was no time for all of it yet.", retry_in=0)


def by_tenant(batch: Sequence[Delivery]) -> list[list[Delivery]]:
    groups: dict[str | None, list[Delivery]] = {}
    for delivery in batch:
        groups.setdefault(delivery.tenant_id, []).append(delivery)
    return list(groups.values())


def embed_some(deliveries: Sequence[Delivery], space: Space) -> list[Delivery]:
    """Embeds up to ROWS_AT_A_TIME rows of deliveries of one tenant; the deliveries that need another round."""
    principal = system_principal(NAME, deliveries[0].tenant_id)
    rows: dict[UUID, Text] = {}
    again: list[Delivery] = []
    with behind_walls(principal):
        for delivery in deliveries:
            room = ROWS_AT_A_TIME - len(rows)
            found = lacking(delivery, space, room) if room else []
            rows.update((row.row_id, row) for row in found)
            if len(found) == room:
                again.append(delivery)
    index.embed(list(rows.values()), space, principal=principal)
    return again


def lacking(delivery: Delivery, space: Space, limit: int) -> list[Text]:
    event = delivery.event
    if topic_of(event.event_type) == ENTRY:
        return index.lacking_of_entry(delivery.object_id, space)
    return index.lacking_of_session(delivery.tenant_id, event.context_key, delivery.version, space, limit)
