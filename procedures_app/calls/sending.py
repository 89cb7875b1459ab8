"""One call: checked, sent once to a pinned address, read to a deadline. Redirects are answers, never followed."""

from __future__ import annotations

import http.client
import json
import math
import re
import socket
import ssl
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import SplitResult

from memoryhub import __version__
from memoryhub.sync.connections import Answer as WholeAnswer
from memoryhub.sync.connections import read_answer, retry_after, time_left
from procedures_app.calls.hosts import CallRefused, Place, allowed
from procedures_app.calls.looking_up import address_until
from procedures_app.calls.pointers import PointerMissing, at
from procedures_app.calls.secrets import Secret, refusal

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")
MOST_BYTES = 64 * 1024
#: Levels of JSON in an answer; what nests deeper is text.
DEEPEST = 100
#: JSON can escape these, and PostgreSQL stores neither: NUL, and halves of characters.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
#: In place of a secret that an answer repeats; what is shorter may stand there for other reasons.
HIDDEN, SHORTEST_HIDDEN = "(secret)", 6
MOST_TRIES_LATER = (408, 425, 429)
SECRET = re.compile(r"\{\{\s*secrets\.([A-Za-z0-9_]{1,60})\s*\}\}")
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,80}")
#: The hub says these itself.
OWN_HEADERS = frozenset({"host", "content-length", "transfer-encoding", "connection", "user-agent", "idempotency-key"})


class CallFailed(Exception):
    """The call was made, or tried, and did not succeed; another try may. ``retry_after`` in seconds, if asked for."""

    def __init__(self, why: str, retry_after: float | None = None) -> None:
        self.why, self.retry_after = why, retry_after
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class Answer:
    """``content`` is the decoded JSON, else the text; ``saved`` what the request's pointers found in it."""

    status: int
    content: Any
    saved: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request that may be sent."""

    method: str
    url: SplitResult
    wanted: Place
    body: bytes | None
    headers: dict[str, str]
    secrets: frozenset[str] = frozenset()

    @property
    def path(self) -> str:
        return (self.url.path or "/") + (f"?{self.url.query}" if self.url.query else "")


class Pinned(http.client.HTTPConnection):
    """Connects to an address that was looked up before, and sends, until ``deadline`` (``time.monotonic``)."""

    def __init__(self, wanted: Place, address: str, deadline: float) -> None:
        super().__init__(wanted.host, wanted.port)
        self.address, self.deadline = address, deadline

    def connect(self) -> None:
        self.sock = socket.create_connection((self.address, self.port), time_left(self.deadline))

    def send(self, data: Any) -> None:
        if self.sock is not None:
            self.sock.settimeout(time_left(self.deadline))
        super().send(data)


class PinnedSafe(Pinned):
    """The same over TLS, with the certificate of the name."""

    def connect(self) -> None:
        super().connect()
        plain, self.sock = self.sock, None
        try:
            plain.settimeout(time_left(self.deadline))  # of the whole handshake, however many messages it takes
            self.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise


def send(
    request: Mapping[str, Any],
    *,
    hosts: Iterable[str],
    secrets: Mapping[str, Secret],
    seconds: float,
    repeat_key: str,
) -> Answer:
    """Sends a step's request and gives the answer when its status is expected (``expect_status``; 2xx if unsaid).

    ``request``: method, url, headers, body (sent as JSON), expect_status, save ({name: JSON Pointer}). Header values
    may name ``{{secrets.NAME}}``, or are in parts already: text, name of a secret, text, … A secret goes to its own
    hosts alone; ``secrets`` holds those that the tenant of the step may use.
    ``repeat_key`` goes along as ``Idempotency-Key``. Raises CallRefused for what may not be sent, CallFailed for what
    did not succeed.
    """
    prepared = prepare(request, hosts, secrets, repeat_key)
    started = time.monotonic()
    try:
        answer = exchange(prepared, seconds)
    except (OSError, http.client.HTTPException) as error:
        raise CallFailed(f"No answer from {prepared.wanted.host}: {type(error).__name__} {error}".strip()) from error
    shown = without_secrets(answer, prepared.secrets)
    return judged(shown, request, prepared.wanted, round(time.monotonic() - started, 3))


def prepare(
    request: Mapping[str, Any], hosts: Iterable[str], secrets: Mapping[str, Secret], repeat_key: str
) -> Prepared:
    url, wanted = allowed(str(request.get("url", "")), hosts)
    body = None if request.get("body") is None else json.dumps(request["body"]).encode()
    found, named = own_headers(repeat_key, has_body=body is not None), set[str]()
    for name, value in dict(request.get("headers") or {}).items():
        parts = parts_of(value)
        named |= set(parts[1::2])
        found[checked_name(name)] = with_secrets(parts, secrets, wanted)
    return Prepared(method_of(request), url, wanted, body, found, frozenset(secrets[name].value for name in named))


def method_of(request: Mapping[str, Any]) -> str:
    method = str(request.get("method", "GET")).upper()
    if method not in METHODS:
        raise CallRefused(f"'{method}' is not one of {', '.join(METHODS)}.")
    return method


def own_headers(repeat_key: str, *, has_body: bool) -> dict[str, str]:
    found = {"User-Agent": f"MemoryHub/{__version__}", "Idempotency-Key": repeat_key, "Accept": "application/json"}
    return found | ({"Content-Type": "application/json"} if has_body else {})


def checked_name(name: str) -> str:
    if not HEADER_NAME.fullmatch(name) or name.lower() in OWN_HEADERS:
        raise CallRefused(f"The header '{name}' cannot be set by a step.")
    return name


def parts_of(value: Any) -> Sequence[str]:
    return value if isinstance(value, list) else SECRET.split(str(value))


def with_secrets(parts: Sequence[str], secrets: Mapping[str, Secret], wanted: Place) -> str:
    """Every second part is the name of a secret."""
    hosts_of = {name: one.hosts for name, one in secrets.items()}

    def secret(name: str) -> str:
        if refused := refusal(name, hosts_of, wanted):
            raise CallRefused(refused)
        return secrets[name].value

    filled = "".join(secret(part) if n % 2 else part for n, part in enumerate(parts))
    if not filled.isprintable() or not filled.isascii():
        raise CallRefused("A header holds characters that no header may hold.")
    return filled


def exchange(prepared: Prepared, seconds: float) -> WholeAnswer:
    """``seconds`` for all of it, from looking up the name to the last byte."""
    wanted, deadline = prepared.wanted, time.monotonic() + seconds
    kind = PinnedSafe if wanted.scheme == "https" else Pinned
    with closing(kind(wanted, address_until(deadline, wanted), deadline)) as connection:
        connection.request(prepared.method, prepared.path, prepared.body, prepared.headers)
        return read_answer(connection, time_left(deadline), MOST_BYTES)


def without_secrets(answer: WholeAnswer, secrets: Iterable[str]) -> WholeAnswer:
    """Some servers repeat what they were sent; whoever reads the run must not learn it."""
    body, reason = answer.body, answer.reason
    for secret in secrets:
        if len(secret) >= SHORTEST_HIDDEN:
            body, reason = body.replace(secret.encode(), HIDDEN.encode()), reason.replace(secret, HIDDEN)
    return replace(answer, body=body, reason=reason)


def judged(answer: WholeAnswer, request: Mapping[str, Any], wanted: Place, seconds: float) -> Answer:
    expected = request.get("expect_status")
    fine = answer.status in expected if expected else 200 <= answer.status < 300
    if not fine:
        what = f"{wanted.host} answered {answer.status} {answer.reason}".strip()
        if answer.status >= 500 or answer.status in MOST_TRIES_LATER:
            raise CallFailed(f"{what}.", retry_after(answer.headers))
        raise CallRefused(f"{what}, which is not what the step expects.")
    content = content_of(answer)
    return Answer(answer.status, content, saved(content, request.get("save") or {}), seconds)


def content_of(answer: WholeAnswer) -> Any:
    """What the answer says, in a form that can be kept: what is no JSON that the database takes is text."""
    text = answer.body.decode(errors="replace").replace("\x00", "\ufffd")
    try:
        return storable(json.loads(text, parse_constant=unknown_number)) if text.strip() else None
    except (ValueError, RecursionError):
        return text


def unknown_number(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON.")


def storable(value: Any, depth: int = 0) -> Any:
    """The same without the characters that no database text may hold. Raises ValueError for what cannot be kept."""
    if depth > DEEPEST or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError("This cannot be kept as JSON.")
    if isinstance(value, str):
        return UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, list):
        return [storable(one, depth + 1) for one in value]
    if isinstance(value, dict):
        return {UNSTORABLE.sub("\ufffd", name): storable(one, depth + 1) for name, one in value.items()}
    return value


def saved(content: Any, wanted: Mapping[str, str]) -> dict[str, Any]:
    try:
        return {name: at(content, pointer) for name, pointer in wanted.items()}
    except PointerMissing as error:
        raise CallFailed(f"The answer has nothing at {error}.") from error
