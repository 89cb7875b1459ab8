"""As much of HTTP/1.1 as a stream needs: one request with no body per connection, and an answer to its end."""

from __future__ import annotations

import asyncio
import json
import socket
from http import HTTPStatus
from http.client import responses
from typing import Any
from urllib.parse import unquote_to_bytes

from django.http import HttpResponseBase

LARGEST_HEAD = 16 * 1024
HEAD_SECONDS = 10.0
#: A listener may take so long until it has read what lies before it.
SLOW_SECONDS = 10.0
#: Bytes that may lie before a listener.
UNREAD_BYTES = 64 * 1024
END = b"\r\n\r\n"
HOP_BY_HOP = frozenset({"connection", "transfer-encoding", "keep-alive", "upgrade", "te", "trailer"})


class BadRequest(Exception):
    """What was sent is no request that can be answered. ``status`` says how."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class SlowReader(Exception):
    """The other side does not read."""


async def read_request(reader: asyncio.StreamReader, peer: str, port: int) -> dict[str, Any] | None:
    """The request as a WSGI environment without a body; None when the other side went away. Raises BadRequest."""
    try:
        head = await asyncio.wait_for(reader.readuntil(END), HEAD_SECONDS)
    except asyncio.LimitOverrunError:
        raise BadRequest(431, "The headers are too long.") from None
    except TimeoutError:
        raise BadRequest(408, "The request did not come in time.") from None
    except (asyncio.IncompleteReadError, OSError):
        return None
    line, *lines = head[: -len(END)].decode("latin-1").split("\r\n")
    return environment(*request_line(line), headers_of(lines), peer, port)


def request_line(line: str) -> tuple[str, str]:
    method, _, rest = line.partition(" ")
    target, _, version = rest.partition(" ")
    if not method.isalpha() or not target.startswith("/") or version not in ("HTTP/1.1", "HTTP/1.0"):
        raise BadRequest(400, "This is no HTTP/1.1 request.")
    return method.upper(), target


def headers_of(lines: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip() or "_" in name:
            raise BadRequest(400, "A header cannot be read.")
        key = "HTTP_" + name.upper().replace("-", "_")
        found[key] = f"{found[key]},{value.strip()}" if key in found else value.strip()
    if "HTTP_HOST" not in found or "," in found["HTTP_HOST"]:
        raise BadRequest(400, "A request names one host.")
    return found


def environment(method: str, target: str, headers: dict[str, str], peer: str, port: int) -> dict[str, Any]:
    path, _, query = target.partition("?")
    host = headers["HTTP_HOST"].partition(":")[0]
    return {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": peer,
        "wsgi.url_scheme": "http",
        **headers,
    }


def head_bytes(status: int, headers: list[tuple[str, str]]) -> bytes:
    lines = [f"HTTP/1.1 {status} {responses.get(status, '')}"]
    lines += [f"{name}: {value}" for name, value in headers if name.lower() not in HOP_BY_HOP]
    return ("\r\n".join([*lines, "Connection: close"]) + "\r\n\r\n").encode("latin-1")


def whole(response: HttpResponseBase) -> bytes:
    """An answer of Django's, complete."""
    body: bytes = b"".join(response) if response.streaming else response.content  # type: ignore[attr-defined]
    headers = [(name, value) for name, value in response.items() if name.lower() != "content-length"]
    return head_bytes(response.status_code, [*headers, ("Content-Length", str(len(body)))]) + body


def problem(status: int, detail: str, *, code: str, retry_after: int | None = None) -> bytes:
    """A problem document, for what never reaches Django."""
    body = json.dumps(
        {
            "success": False,
            "type": f"urn:memoryhub:problem:{code}",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": detail,
            "code": code,
            "errors": [],
            "request_id": "",
        }
    ).encode()
    headers = [("Content-Type", "application/problem+json"), ("Content-Length", str(len(body)))]
    if retry_after is not None:
        headers.append(("Retry-After", str(retry_after)))
    return head_bytes(status, headers) + body


class Outlet:
    """What is written to one listener. Raises SlowReader when it does not take it, OSError when it has gone."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        writer.transport.set_write_buffer_limits(high=UNREAD_BYTES)
        # the system would keep megabytes for one who does not read
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNREAD_BYTES)

    async def write(self, data: bytes) -> None:
        if self.writer.is_closing():
            raise ConnectionResetError("The listener has gone.")
        self.writer.write(data)
        if self.writer.transport.get_write_buffer_size() <= UNREAD_BYTES:
            return
        try:
            await asyncio.wait_for(self.writer.drain(), SLOW_SECONDS)
        except TimeoutError:
            raise SlowReader from None
