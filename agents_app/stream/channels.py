"""Feeds that somebody listens to: each read once for all of its listeners, who take from it at their own pace.

Nothing queues up for a slow listener: whoever falls behind what a channel holds reads from the database.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_right
from collections.abc import Mapping

from agents_app.stream.asking import DATABASE_ERRORS, PAGE, Asking, Feed, Item, heads_of, items_after
from memoryhub.access.principals import Principal

logger = logging.getLogger(__name__)
#: Items that a channel holds for those who come a little late.
HELD = 500


class Bell:
    """Wakes everybody who waits, and leaves nothing behind for those who come later."""

    def __init__(self) -> None:
        self._next: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def ring(self) -> None:
        rung, self._next = self._next, asyncio.get_running_loop().create_future()
        rung.set_result(None)

    async def wait(self, seconds: float) -> None:
        """Until it rings, or so long."""
        await asyncio.wait([self._next], timeout=max(0.0, seconds))


class Channel:
    """One agent's feed. ``head``: read up to here; ``known``: what there is, as far as was heard."""

    def __init__(self, principal: Principal, head: int, ask: Asking) -> None:
        self.principal = principal
        self.head = self.floor = self.known = head
        self.items: list[Item] = []
        self.listeners = 0
        self.bell = Bell()
        self.ask = ask
        self._reading: asyncio.Task[None] | None = None

    def after(self, number: int) -> list[Item] | None:
        """The items after a number; None when the channel does not hold all of them."""
        if number < self.floor:
            return None
        return self.items[bisect_right(self.items, number, key=lambda item: item.seq) :]

    def heard(self, last_seq: int) -> None:
        """The feed has grown up to this number, or more."""
        self.known = max(self.known, last_seq)
        if self.known > self.head and self._reading is None:
            self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            while self.known > self.head:
                known = self.known
                found = await self.ask(items_after, self.principal, self.head)
                # a full page may not be all; the numbers of a shorter one that are missing gave way to newer items
                self._hold(found, found[-1].seq if len(found) == PAGE else max(known, *(i.seq for i in found), 0))
        except DATABASE_ERRORS as error:
            logger.warning("A feed could not be read; it is tried again with the next look: %s", error)
        finally:
            self._reading = None

    def _hold(self, found: list[Item], head: int) -> None:
        self.items += found
        self.head = head
        if len(self.items) > HELD:
            self.floor = self.items[-HELD - 1].seq
            del self.items[:-HELD]
        self.bell.ring()

    def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()


class Channels:
    """The channels by feed; one lives as long as it has listeners."""

    def __init__(self, ask: Asking) -> None:
        self.ask = ask
        self.open: dict[Feed, Channel] = {}

    def join(self, feed: Feed, principal: Principal, head: int) -> Channel:
        channel = self.open.get(feed)
        if channel is None:
            channel = self.open[feed] = Channel(principal, head, self.ask)
        channel.listeners += 1
        channel.heard(head)
        return channel

    def leave(self, feed: Feed) -> None:
        channel = self.open[feed]
        channel.listeners -= 1
        if not channel.listeners:
            channel.close()
            del self.open[feed]

    def heard(self, feed: Feed, last_seq: int) -> None:
        channel = self.open.get(feed)
        if channel is not None:
            channel.heard(last_seq)

    async def look(self) -> None:
        """Asks how far the feeds are: for what no notice came of."""
        if self.open:
            heads: Mapping[Feed, int] = await self.ask(heads_of, list(self.open))
            for feed, last_seq in heads.items():
                self.heard(feed, last_seq)
