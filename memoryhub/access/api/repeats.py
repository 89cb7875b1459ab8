"""``Idempotency-Key``: carrying a writing POST out once, and answering its repetitions."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from django.http import HttpResponse
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from memoryhub.access.deadlocks import once_more
from memoryhub.access.exceptions import Invalid
from memoryhub.access.principals import Principal
from memoryhub.access.services import idempotency
from memoryhub.access.walls import behind_walls, writes_global

HEADER = "Idempotency-Key"
META_NAME = "HTTP_IDEMPOTENCY_KEY"
FORM = re.compile(r"[\x21-\x7e]{1,255}")
KEPT_HEADERS = ("ETag", "Location")
ALREADY_DONE = {
    "success": True,
    "already_done": True,
    "detail": "This request was carried out before; its answer is not kept.",
}


class Undone(Exception):
    """The view answered with a server error: what it did is rolled back, and nothing is kept."""

    def __init__(self, response: HttpResponse) -> None:
        self.response = response


def checked_key(text: str) -> str:
    if not FORM.fullmatch(text):
        raise Invalid(HEADER, f"{HEADER} takes 1 to 255 visible ASCII characters without spaces.")
    return text


def digest_of(request: Request) -> bytes:
    """SHA-256 of method, address and body, so that spaces and the order of keys make no difference."""
    body = json.dumps(request.data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{request.method}\n{request.get_full_path()}\n{body}".encode()).digest()


def carry_out_once(
    key: str, principal: Principal, request: Request, handler: Callable[[], HttpResponse], keeps: Callable[[], bool]
) -> HttpResponse:
    """The answer of ``handler``, or that of the first time. One transaction holds claim, effect and answer.

    Where PostgreSQL ends it because of another transaction, nothing of it stayed, and all of it is done once more.
    """
    digest = digest_of(request)
    if principal.tenant_id is None and not writes_global(principal):
        return handler()  # a platform key outside every tenant, without admin: there is nothing it could change

    def turn() -> HttpResponse:
        with behind_walls(principal):
            first = idempotency.claim(principal=principal, key=checked_key(key), digest=digest)
            return replayed(first) if first else carried_out(key, principal, handler, keeps)

    try:
        return once_more(turn)
    except Undone as undone:
        return undone.response


def carried_out(
    key: str, principal: Principal, handler: Callable[[], HttpResponse], keeps: Callable[[], bool]
) -> HttpResponse:
    response = handler()
    if response.status_code >= 500:
        raise Undone(response)
    idempotency.keep(principal=principal, key=key, answer=answer_of(response, kept=keeps()))
    return response


def answer_of(response: HttpResponse, *, kept: bool) -> idempotency.Answer:
    body = json.loads(rendered(response) or "null")
    return idempotency.Answer(
        status=response.status_code,
        body=body if kept else None,
        headers={name: response[name] for name in KEPT_HEADERS if response.has_header(name)},
        entry_ids=tuple(sorted(set(entry_ids(body)))),
    )


def rendered(response: HttpResponse) -> bytes:
    """The JSON of an answer: of DRF's, or of one that a view wrote itself."""
    if isinstance(response, Response):
        return bytes(JSONRenderer().render(response.data))
    return response.content


def entry_ids(node: Any) -> Iterator[str]:
    """Every id in an answer: erasing an entry must find the answers that repeat its value."""
    if isinstance(node, list):
        for item in node:
            yield from entry_ids(item)
    elif isinstance(node, dict):
        for name, value in node.items():
            if name in ("id", "entry_id") and isinstance(value, str):
                yield value
            elif name == "entry_ids" and isinstance(value, list):
                yield from (item for item in value if isinstance(item, str))
            else:
                yield from entry_ids(value)


def replayed(first: idempotency.Answer) -> Response:
    body = ALREADY_DONE if first.body is None else first.body
    return Response(body, status=first.status, headers={**first.headers, "Idempotency-Replayed": "true"})
