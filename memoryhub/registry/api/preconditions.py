"""``If-Match`` and ``If-None-Match``: an entry's ETag is its version in quotes."""

from __future__ import annotations

import re
from typing import Any

from rest_framework.request import Request

from memoryhub.access.exceptions import Invalid, VersionRequired
from memoryhub.registry.exceptions import EntryStale

ETAG = re.compile(r'^"(\d{1,9})"$')


def conditions(request: Request) -> dict[str, Any]:
    """``if_version``, ``if_present``, ``if_absent`` as the headers say. Raises Invalid; EntryStale for a weak ETag."""
    found: dict[str, Any] = {}
    absent = request.META.get("HTTP_IF_NONE_MATCH")
    if absent is not None:
        if absent.strip() != "*":
            raise Invalid("If-None-Match", "Only If-None-Match: * is understood: store if there is no such entry.")
        found["if_absent"] = True
    wanted = request.META.get("HTTP_IF_MATCH")
    if wanted is not None:
        found |= matching(wanted.strip())
    if len(found) > 1:
        raise Invalid("If-Match", "Send either If-Match or If-None-Match.")
    return found


def matching(wanted: str) -> dict[str, Any]:
    if wanted == "*":
        return {"if_present": True}
    if wanted.startswith("W/"):
        raise EntryStale(None, hint="A weak ETag never matches.")
    match = ETAG.match(wanted)
    if match is None:
        raise Invalid("If-Match", 'Send the version in quotes, for example If-Match: "3".')
    return {"if_version": int(match[1])}


def if_version(request: Request) -> int | None:
    """The version that If-Match names, for changes that can do without: None when it is left out or ``*``."""
    found = conditions(request)
    if "if_absent" in found:
        raise Invalid("If-None-Match", "If-None-Match makes no sense here; send If-Match, or neither.")
    return found.get("if_version")


def required(request: Request) -> dict[str, Any]:
    """As ``conditions``, for changes by id. Raises VersionRequired without If-Match."""
    found = conditions(request)
    if "if_absent" in found or not found:
        raise VersionRequired()
    return found
