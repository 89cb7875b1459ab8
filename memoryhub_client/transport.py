"""One HTTP call to the hub: JSON in, JSON out, over connections that are kept."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
from collections import deque
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from uuid import uuid4

from memoryhub_client import consultation
from memoryhub_client.errors import HubError

DEFAULT_URL = "http://127.0.0.1:8000"
USER_AGENT = "memoryhub-client"
#: A kept connection may have been closed by the server meanwhile; only then is a call sent again.
STALE = (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError)
#: status, body, seconds that the hub asks to wait before the next try
Answered = tuple[int, bytes, float | None]


class Transport:
    """Speaks to one hub with one key; safe to share between threads and tasks.

    ``timeout`` is in seconds, for connecting and for each wait on the answer.
    """

    def __init__(
        self, url: str | None = None, api_key: str | None = None, *, agent_id: str | None = None, timeout: float = 30
    ) -> None:
        self.url = urlsplit(url or os.environ.get("MEMORYHUB_URL") or DEFAULT_URL)
        self.api_key = api_key or os.environ.get("MEMORYHUB_API_KEY") or ""
        self.agent_id = agent_id
        self.timeout = timeout
        self._idle: deque[http.client.HTTPConnection] = deque()
        self._closings = 0

    async def call(self, method: str, path: str, body: Any = None, **query: Any) -> dict[str, Any]:
        """The parsed answer. Raises HubError for a refusal, OSError when the hub cannot be reached."""
        return await asyncio.to_thread(self.call_now, method, path, body, **query)

    def call_now(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None, **query: Any
    ) -> dict[str, Any]:
        """The same without a loop. ``headers`` go beside or instead of the usual ones."""
        target = f"{self.url.path.rstrip('/')}{path}"
        given = {name: value for name, value in query.items() if value is not None}
        if given:
            target += "?" + urlencode(given)
        sent = self.headers(method) | consultation.headers() | dict(headers or {})
        status, raw, wait = self._send(method, target, None if body is None else json.dumps(body).encode(), sent)
        answer = parse(raw)
        if status >= 400:
            raise HubError(status, answer, retry_after=wait)
        return answer

    def close(self) -> None:
        """Closes the kept connections; the next call opens new ones. A call under way closes its own when it ends."""
        self._closings += 1
        while self._idle:
            self._idle.pop().close()

    def _send(self, method: str, target: str, body: bytes | None, headers: dict[str, str]) -> Answered:
        try:
            kept = self._idle.pop()
        except IndexError:
            return self._exchange(self._connect(), method, target, body, headers)
        try:
            return self._exchange(kept, method, target, body, headers)
        except STALE:
            return self._exchange(self._connect(), method, target, body, headers)

    def _connect(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self.url.scheme == "https" else http.client.HTTPConnection
        return kind(self.url.hostname or "", self.url.port, timeout=self.timeout)

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        target: str,
        body: bytes | None,
        headers: dict[str, str],
    ) -> Answered:
        closings = self._closings
        try:
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            answer = response.status, response.read(), seconds(response.headers.get("Retry-After"))
        except (OSError, http.client.HTTPException):
            connection.close()
            raise
        self._idle.append(connection)
        if closings != self._closings:
            self.close()
        return answer

    def headers(self, method: str) -> dict[str, str]:
        headers = {
            "Authorization": f"Bearer {self.api_key}",
            "User-Agent": USER_AGENT,
            "Accept": "application/json",
            "Content-Type": "application/json",
        }
        if method == "POST":
            # the hub may have carried out a call whose answer was lost: sent again, it is done once
            headers["Idempotency-Key"] = uuid4().hex
        if self.agent_id:
            headers["X-Agent-Id"] = self.agent_id
        return headers


def parse(raw: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(raw) if raw else {}
    except ValueError:
        answer = {"detail": raw[:500].decode("utf-8", "replace")}
    return answer if isinstance(answer, dict) else {"detail": answer}


def seconds(retry_after: str | None) -> float | None:
    """A Retry-After header in its form of seconds; its other form, a date, the hub does not use."""
    return float(retry_after) if retry_after and retry_after.isdecimal() else None


def segment(text: str) -> str:
    """``text`` as one segment of a path."""
    return quote(text, safe="")
