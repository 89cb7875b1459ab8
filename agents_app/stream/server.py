"""The stream's process: takes connections, lets in whom the doors admit, and passes on what the relay announces."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import time
from collections import Counter
from collections.abc import Coroutine
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection

from agents_app import news
from agents_app.stores import CHANNEL
from agents_app.stream import http
from agents_app.stream.asking import (
    DATABASE_ERRORS,
    Asking,
    Gate,
    event,
    head_of,
    items_after,
    still_allowed,
)
from agents_app.stream.channels import Bell, Channel, Channels
from agents_app.stream.doors import Admitted, Subscription, Watch
from agents_app.stream.health import NAME
from memoryhub.sync.services.heartbeats import beat

logger = logging.getLogger(__name__)
BEAT_SECONDS = 5.0
#: Keys are asked about this often, so a revoked one's stream ends within five seconds.
CHECK_SECONDS = 3.0
#: A look at the feeds, for notices that got lost.
LOOK_SECONDS = 5.0
#: A sign of life to listeners, also so that proxies keep the connection.
QUIET_SECONDS = 15.0
RETRY_SECONDS = 2.0
#: The admin's pages hear at most this often of feeds.
ADMIN_SECONDS = 1.0
FULL_RETRY_AFTER = 10
#: Who comes in vain is told so, unless this many are being told already.
MOST_TURNED_AWAY = 100
HELLO = b": connected\nretry: 2000\n\n"
SIGN_OF_LIFE = b":\n\n"
TOO_SLOW = b": You read too slowly. Connect again with the id of the last event that you got.\n\n"
NO_LONGER = b": The key is not valid any more, or its agent is switched off.\n\n"
STOPPING = b": The hub is stopping. Connect again in a moment.\n\n"


class News:
    """What happened since the start, for the admin's pages: counts by kind and tenant ('' where nobody said which)."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.bell = Bell()

    def add(self, kind: str, tenant: str = "") -> None:
        self.counts[kind, tenant] += 1

    def seen_by(self, watch: Watch) -> Counter[str]:
        """Counts that only grow, of what this browser may hear of."""
        found: Counter[str] = Counter()
        for (kind, tenant), many in self.counts.items():
            if not tenant or watch.sees(tenant):
                found[kind] += many
        return found


class StreamServer:
    """``await serve(stop)`` until ``stop`` is set. ``port`` 0 lets the system choose one, for tests."""

    def __init__(self, host: str, port: int, *, most: int) -> None:
        self.host, self.port, self.most = host, port, most
        self.ask = Asking()
        self.gate = Gate()
        self.channels = Channels(self.ask)
        self.listening: dict[asyncio.Task[None], Subscription] = {}
        self.of_key: Counter[str] = Counter()
        self.ended: set[asyncio.Task[None]] = set()
        self.connections: set[asyncio.Task[None]] = set()
        self.sent = 0

    async def serve(self, stop: asyncio.Event, started: asyncio.Event | None = None) -> None:
        self.news = News()
        server = await asyncio.start_server(
            self._connected, self.host, self.port, limit=http.LARGEST_HEAD, backlog=1024
        )
        self.port = server.sockets[0].getsockname()[1]
        duties = [
            asyncio.create_task(duty)
            for duty in (
                self._hear(),
                every(LOOK_SECONDS, self.channels.look),
                every(CHECK_SECONDS, self._check),
                every(BEAT_SECONDS, self._beat),
            )
        ]
        if started is not None:
            started.set()
        try:
            await first_of(stop, duties)
        finally:
            server.close()
            await ended([*duties, *self.connections])
            await asyncio.to_thread(self.ask.close)

    # -- one connection ---------------------------------------------------------------------------------------

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._converse(reader, writer))
        self.connections.add(task)
        task.add_done_callback(self.connections.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._answer(reader, writer)
        except OSError:
            pass  # it has gone
        except asyncio.CancelledError:
            writer.write(STOPPING)
        except DATABASE_ERRORS as error:
            logger.warning("The database does not answer (%s); the listener has to come again.", error)
        except Exception:
            logger.exception("A listener's connection failed.")
        finally:
            await close(writer)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        crowded = len(self.connections) - self.most
        if crowded > MOST_TURNED_AWAY:
            return
        try:
            environ = await http.read_request(reader, writer.get_extra_info("peername")[0], self.port)
        except http.BadRequest as error:
            writer.write(http.problem(error.status, error.detail, code="invalid"))
            return
        if environ is None:
            return
        if crowded > 0:
            writer.write(busy())
            return
        response = await self.ask(self.gate, environ)
        if not isinstance(response, Admitted) or response.status_code != 200:
            writer.write(http.whole(response))
            return
        key = response.to.public_id if isinstance(response.to, Subscription) else ""
        # no key keeps the others, and people, from listening
        if key and self.of_key[key] >= self.most // 2:
            writer.write(busy())
            return
        self.of_key[key] += 1
        try:
            await self._serve(response, environ, reader, writer)
        finally:
            self.of_key[key] -= 1

    async def _serve(
        self, response: Admitted, environ: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        headers = [(name, value) for name, value in response.items() if name.lower() != "content-length"]
        outlet = http.Outlet(writer)
        await outlet.write(http.head_bytes(200, headers) + HELLO)
        await self._until_gone(reader, outlet, self._stream(response.to, environ, outlet))

    async def _until_gone(
        self, reader: asyncio.StreamReader, outlet: http.Outlet, stream: Coroutine[Any, Any, None]
    ) -> None:
        """Streams until the other side closes, reads too slowly, or may not listen any more."""
        sending = asyncio.create_task(stream)
        gone = asyncio.create_task(until_closed(reader))
        try:
            await asyncio.wait([sending, gone], return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
        except http.SlowReader:
            outlet.writer.write(TOO_SLOW)
        finally:
            await ended([sending, gone])

    async def _stream(self, to: Subscription | Watch, environ: dict[str, Any], outlet: http.Outlet) -> None:
        if isinstance(to, Watch):
            await self._tell_admin(to, environ, outlet)
        else:
            await self._follow(to, outlet)

    async def _follow(self, to: Subscription, outlet: http.Outlet) -> None:
        head = await self.ask(head_of, to.principal)
        after = head.last_seq if to.after is None else to.after
        if (to.epoch is not None and to.epoch != head.epoch) or after > head.last_seq:
            await outlet.write(event("reset", {"epoch": head.epoch}))
            after = head.last_seq
        channel = self.channels.join(to.feed, to.principal, head.last_seq)
        task = asyncio.current_task()
        assert task is not None
        self.listening[task] = to
        try:
            await self._pass_on(channel, to, after, outlet)
        finally:
            del self.listening[task]
            self.ended.discard(task)
            self.channels.leave(to.feed)

    async def _pass_on(self, channel: Channel, to: Subscription, cursor: int, outlet: http.Outlet) -> None:
        task = asyncio.current_task()
        quiet_since = time.monotonic()
        while task not in self.ended:
            found = channel.after(cursor)
            if found is None:
                found = await self.ask(items_after, to.principal, cursor)
            events = [item.event for item in found if to.user_id is None or item.user_id in (None, to.user_id)]
            cursor = found[-1].seq if found else max(cursor, channel.floor)
            if events:
                self.sent += len(events)
                quiet_since = time.monotonic()
                await outlet.write(b"".join(events))
            elif not found:
                await channel.bell.wait(quiet_since + QUIET_SECONDS - time.monotonic())
                if time.monotonic() >= quiet_since + QUIET_SECONDS:
                    quiet_since = time.monotonic()
                    await outlet.write(SIGN_OF_LIFE)
        await outlet.write(NO_LONGER)

    async def _tell_admin(self, watch: Watch, environ: dict[str, Any], outlet: http.Outlet) -> None:
        """Counts instead of contents: a page asks for what it shows. The session is asked about again and again."""
        told = self.news.seen_by(watch)
        checked = quiet_since = time.monotonic()
        while True:
            await self.news.bell.wait(CHECK_SECONDS)
            now = self.news.seen_by(watch)
            for kind in sorted(watch.kinds):
                if now[kind] != told[kind]:
                    quiet_since = time.monotonic()
                    await outlet.write(event(kind, {"count": now[kind] - told[kind]}))
            told = now
            if time.monotonic() > checked + CHECK_SECONDS:
                checked = time.monotonic()
                response = await self.ask(self.gate, environ)
                if not isinstance(response, Admitted) or response.to != watch:
                    await outlet.write(NO_LONGER)
                    return
            if time.monotonic() > quiet_since + QUIET_SECONDS:
                quiet_since = time.monotonic()
                await outlet.write(SIGN_OF_LIFE)
            await asyncio.sleep(ADMIN_SECONDS)

    # -- duties -------------------------------------------------------------------------------------------------

    async def _hear(self) -> None:
        """Notices of the relay, for as long as the process lives, on a connection of its own."""
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(**listening_parameters(), autocommit=True) as heard:
                    await heard.execute(f"LISTEN {CHANNEL}")
                    await self.channels.look()
                    async for notice in heard.notifies():
                        await self._announced(json.loads(notice.payload))
            except (psycopg.OperationalError, *DATABASE_ERRORS) as error:
                logger.warning("The database does not answer (%s); asked again in a moment.", error)
            self._tell_pages_that_something_may_be_new()
            await asyncio.sleep(RETRY_SECONDS)

    async def _announced(self, said: dict[str, Any]) -> None:
        if said["feeds"] is None:  # too many to be named
            self._tell_pages_that_something_may_be_new()
            await self.channels.look()
            return
        for tenant, agent, last_seq in said["feeds"]:
            self.channels.heard((tenant, agent), last_seq)
            self.news.add(news.FEED, tenant)
        for kind, tenants in said["moved"].items():
            for tenant in tenants:
                self.news.add(kind, tenant)
        self.news.bell.ring()

    def _tell_pages_that_something_may_be_new(self) -> None:
        for kind in news.permissions():
            self.news.add(kind)
        self.news.bell.ring()

    async def _check(self) -> None:
        """Ends the streams of those who may not listen any more."""
        tasks, subscriptions = list(self.listening), list(self.listening.values())
        if not tasks:
            return
        allowed = await self.ask(still_allowed, subscriptions)
        refused = {task: one for task, one, good in zip(tasks, subscriptions, allowed, strict=True) if not good}
        for task, one in refused.items():
            if task in self.listening:
                self.ended.add(task)
                self.channels.open[one.feed].bell.ring()

    async def _beat(self) -> None:
        detail = {"pid": os.getpid(), "listeners": len(self.listening), "most": self.most, "sent": self.sent}
        await self.ask(beat, NAME, detail)


async def every(seconds: float, duty: Any) -> None:
    """Does it again and again; while the database is away it is left out."""
    while True:
        try:
            await duty()
        except DATABASE_ERRORS as error:
            logger.warning("The database does not answer: %s", error)
        await asyncio.sleep(seconds)


async def first_of(stop: asyncio.Event, duties: list[asyncio.Task[None]]) -> None:
    """Until it is time to stop. A duty that ends has failed, and the process with it: the supervisor starts it anew."""
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([stopping, *duties], return_when=asyncio.FIRST_COMPLETED)
        for duty in duties:
            if duty.done():
                duty.result()
    finally:
        stopping.cancel()


async def ended(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def until_closed(reader: asyncio.StreamReader) -> None:
    """What a listener says after its request is of no interest, only that it goes."""
    with contextlib.suppress(OSError):
        while await reader.read(1024):
            pass


async def close(writer: asyncio.StreamWriter) -> None:
    """What was written still goes out, if it is read soon."""
    writer.close()
    with contextlib.suppress(OSError, TimeoutError, asyncio.CancelledError):
        await asyncio.wait_for(writer.wait_closed(), 1.0)
    writer.transport.abort()


def busy() -> bytes:
    return http.problem(
        503, "As many listen as this hub allows. Come again.", code="too_many_listeners", retry_after=FULL_RETRY_AFTER
    )


def listening_parameters() -> dict[str, Any]:
    """How Django connects, without what belongs to its own kind of connection."""
    found = connection.get_connection_params()
    return {
        name: value for name, value in found.items() if name not in ("cursor_factory", "context", "prepare_threshold")
    }


def server() -> StreamServer:
    """As it is configured."""
    own = settings.CONFIG.server
    return StreamServer(own.host, own.live_port, most=own.stream_listeners)
