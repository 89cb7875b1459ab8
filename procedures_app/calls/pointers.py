"""JSON Pointers (RFC 6901): what stands where in an answer."""

from __future__ import annotations

from typing import Any


class PointerMissing(LookupError):
    """There is nothing there; the message is the pointer."""


def at(document: Any, pointer: str) -> Any:
    """What stands at ``pointer``; "" is the whole document. Raises PointerMissing."""
    found = document
    for token in pointer.split("/")[1:]:
        found = below(found, token.replace("~1", "/").replace("~0", "~"), pointer)
    return found


def below(found: Any, name: str, pointer: str) -> Any:
    if isinstance(found, dict) and name in found:
        return found[name]
    if isinstance(found, list) and name.isdecimal() and name.isascii() and int(name) < len(found):
        return found[int(name)]
    raise PointerMissing(pointer)
