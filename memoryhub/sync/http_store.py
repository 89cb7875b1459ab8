"""Stores outside of the hub: each change is a signed POST of the object's current state.

The receiver answers 2xx when it has taken the state over. It may get the same change twice (same
``Idempotency-Key``), and after a time-out two at once: it keeps the higher ``version``. ``state`` null means deleted.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder

from memoryhub import __version__
from memoryhub.config_sections import HttpStore as HttpStoreSettings
from memoryhub.sync import states
from memoryhub.sync.connections import open_connection, retry_after
from memoryhub.sync.models import Delivery
from memoryhub.sync.stores import NotReady, Problem, topic_of

#: After so many missing answers in a row the rest of the batch waits: the server is ill, not the deliveries.
MOST_SILENCES = 3
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
READ_BYTES = 64 * 1024
SHOWN_CHARACTERS = 200


class HttpStore:
    """Delivers a batch over some connections at a time."""

    def __init__(self, config: HttpStoreSettings) -> None:
        self.name = config.name
        self.url = urlsplit(config.url)
        self.timeout = config.timeout_seconds
        self.connections = config.connections
        self._stopped = False
        self._away_since: float | None = None

    @property
    def topics(self) -> frozenset[str]:
        return states.topics()

    def start(self) -> None:
        self._stopped = False

    def stop(self) -> None:
        self._stopped = True

    def deliver(self, batch: Sequence[Delivery]) -> Mapping[int, Problem]:
        known = self.load_states(batch)
        # the claim must not run out while the last of the batch is on its way
        deadline = time.monotonic() + settings.CONFIG.sync.claim_seconds / 2
        # a batch holds an object once at most, so its deliveries may overtake each other
        lanes = [batch[start :: self.connections] for start in range(min(self.connections, len(batch)))]
        with ThreadPoolExecutor(len(lanes), thread_name_prefix=f"relay-{self.name}") as pool:
            answers = pool.map(lambda lane: self._deliver_lane(lane, known, deadline), lanes)
            return {number: problem for problems in answers for number, problem in problems.items()}

    def load_states(self, batch: Sequence[Delivery]) -> Mapping[UUID, states.State]:
        by_topic: defaultdict[str, list[UUID]] = defaultdict(list)
        for delivery in batch:
            by_topic[topic_of(delivery.event.event_type)].append(delivery.object_id)
        return {key: state for topic, ids in by_topic.items() for key, state in states.load(topic, ids).items()}

    def _deliver_lane(
        self, lane: Sequence[Delivery], known: Mapping[UUID, states.State], deadline: float
    ) -> dict[int, Problem]:
        """One after the other over one connection; no database here, this is a thread of its own."""
        problems: dict[int, Problem] = {}
        silences = 0
        with closing(open_connection(self.url, self.timeout)) as connection:
            for delivery in lane:
                if self._stopped or silences >= MOST_SILENCES or time.monotonic() > deadline:
                    problems[delivery.pk] = NotReady("Waits for its next turn.", retry_in=FIRST_PAUSE)
                    continue
                problem, answered = self._attempt(connection, delivery, known.get(delivery.object_id))
                silences = 0 if answered else silences + 1
                if problem is not None:
                    problems[delivery.pk] = problem
        return problems

    def _attempt(
        self, connection: http.client.HTTPConnection, delivery: Delivery, state: states.State | None
    ) -> tuple[Problem | None, bool]:
        """What went wrong, and whether the server answered at all."""
        if away := self._reach(connection):
            return away, False  # nothing was sent, so it is nobody's failure
        try:
            return self._send(connection, delivery, state), True
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return f"No answer from {self.url.netloc}: {type(error).__name__} {error}".strip(), False

    def _reach(self, connection: http.client.HTTPConnection) -> NotReady | None:
        """Connects where needed. When nobody is there: leave it alone for half as long as it has been away."""
        if connection.sock is not None:
            return None
        try:
            connection.connect()
        except OSError as error:
            now = time.monotonic()
            self._away_since = self._away_since or now
            pause = min(LONGEST_PAUSE, max(FIRST_PAUSE, (now - self._away_since) / 2))
            return NotReady(f"{self.url.netloc} cannot be reached: {error}", retry_in=pause)
        self._away_since = None
        return None

    def _send(
        self, connection: http.client.HTTPConnection, delivery: Delivery, state: states.State | None
    ) -> Problem | None:
        body = json.dumps(document(delivery, state), cls=DjangoJSONEncoder, separators=(",", ":")).encode()
        path = (self.url.path or "/") + (f"?{self.url.query}" if self.url.query else "")
        connection.request("POST", path, body, headers(delivery, body))
        answer = connection.getresponse()
        return judge(answer, answer.read(READ_BYTES).decode(errors="replace"))


def document(delivery: Delivery, state: states.State | None) -> dict[str, object]:
    """The state may be newer than the event that announced it; ``version`` is the state's."""
    event = delivery.event
    return {
        "event_type": event.event_type,
        "object_id": str(event.object_id),
        "context_key": event.context_key,
        "version": max(event.version, state.version) if state else event.version,
        "tenant_id": event.tenant_id,
        "state": state.document if state else None,
    }


def headers(delivery: Delivery, body: bytes) -> dict[str, str]:
    found = {
        "Content-Type": "application/json",
        "User-Agent": f"MemoryHub/{__version__}",
        "Idempotency-Key": str(delivery.event.event_id),
    }
    secret = settings.CONFIG.access.webhook_secret
    return found | ({"X-MemoryHub-Signature": signature(secret.get_secret_value(), body)} if secret else {})


def signature(secret: str, body: bytes, at: int | None = None) -> str:
    """``t=<seconds since the epoch>,v1=<hex HMAC-SHA256 of "<t>." and the body>``: old requests cannot be replayed."""
    stamp = str(int(time.time()) if at is None else at)
    proof = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256)
    return f"t={stamp},v1={proof.hexdigest()}"


def judge(answer: http.client.HTTPResponse, text: str) -> Problem | None:
    """2xx is success; 429 and 503 ask for patience; anything else is a failure of this delivery."""
    if 200 <= answer.status < 300:
        return None
    said = f"It answered {answer.status} {answer.reason}: {text[:SHOWN_CHARACTERS]}".strip()
    if answer.status in (429, 503):
        wait = retry_after(answer.headers)
        return NotReady(said, retry_in=FIRST_PAUSE if wait is None else min(LONGEST_PAUSE, wait))
    return said
