"""Delivering to the change feed, and reading it as a replica would."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from agents_app.selectors_feed import Asked, Changes, changes
from agents_app.stores import NAME
from memoryhub.access.principals import Principal
from memoryhub.sync import stores
from memoryhub.sync.services import outbox
from memoryhub.sync.services.relay import Progress, handle
from tests.conftest import role


def relay() -> int:
    """Delivers all that waits for the feed; how many deliveries arrived."""
    store = stores.get(NAME)
    assert store is not None
    progress = Progress()
    with role("memoryhub_system"):
        while claim := outbox.claim(NAME):
            handle(store, claim, progress)
    assert not progress.failed, progress.last_problem
    return progress.delivered


@dataclass
class Copy:
    """What a replica holds that applies the feed and does nothing else."""

    principal: Principal
    user_id: str | None = None
    limit: int = 500
    cursor: int = 0
    epoch: int | None = None
    replica_id: Any = None
    entries: dict[str, tuple[int, bool, Any]] = field(default_factory=dict)
    seen: list[tuple[int, str, str]] = field(default_factory=list)
    resets: int = 0

    def page(self) -> Changes:
        asked = Asked(self.cursor, self.epoch, self.user_id, self.limit, self.replica_id)
        return changes(asked, principal=self.principal)

    def pull(self) -> list[tuple[int, str, str]]:
        """Applies everything there is; the items (number, kind, reason) that came."""
        start = len(self.seen)
        while True:
            found = self.page()
            if found.reset:
                self.entries, self.cursor, self.epoch = {}, 0, found.epoch
                self.resets += 1
                continue
            self.epoch = found.epoch
            for item in found.items:
                self.apply(item)
            self.cursor = found.next
            if not found.more:
                return self.seen[start:]

    def apply(self, item: Any) -> None:
        self.seen.append((item.seq, item.kind, item.reason))
        name = str(item.object_id)
        if item.kind == "put":
            self.entries[name] = (item.version, item.can_write, item.entry.value)
        elif item.kind == "gone":
            self.entries.pop(name, None)


def rows(query: Any) -> list[Any]:
    """What a query finds behind no walls."""
    with role("memoryhub_system"):
        return list(query)
