"""``{{inputs.x}}`` in instructions, requests and actions: found, checked and filled in."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from memoryhub.registry.diffs import MISSING
from procedures_app.documents import paths

PLACEHOLDER = re.compile(r"\{\{([^{}]*)\}\}")
#: Filled in by whoever sends the request, at the last moment; never stored with a run.
SECRET = re.compile(r"secrets\.[A-Za-z0-9_]{1,60}")
#: The same as it is written; its group is the secret's name.
SECRET_PLACEHOLDER = re.compile(r"\{\{\s*secrets\.([A-Za-z0-9_]{1,60})\s*\}\}")


class PlaceholderMissing(Exception):
    """A placeholder has no value in this run. ``path`` names it."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(f"There is no value for {{{{{path}}}}} in this run.")


class PlaceholderUnfit(PlaceholderMissing):
    """The value of a placeholder looks like a placeholder itself."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.args = (f"The value of {{{{{path}}}}} holds '{{{{', which no header may take over.",)


class PlaceholderRefused(PlaceholderMissing):
    """What a placeholder stands for would lead to another address."""

    def __init__(self, url: str) -> None:
        self.path = url
        Exception.__init__(self, f"A value makes '.' or '..' a part of the path of {url}, which leads elsewhere.")


def fill(value: Any, context: Mapping[str, Any], *, missing: str | None = None) -> Any:
    """The value with every placeholder filled in, in texts, lists and the values of objects.

    A text that is one placeholder becomes the value itself, of whatever type; elsewhere texts stand as they are
    and other values as JSON. ``missing`` stands for what has no value; without it: PlaceholderMissing.
    """
    return walk(value, context, missing, str)


def fill_url(url: str, context: Mapping[str, Any]) -> str:
    """As ``fill``, with the values percent-encoded: none of them can lead to another address.

    Raises PlaceholderMissing, and PlaceholderRefused for one that makes a part of the path ``.`` or ``..``.
    """
    filled = str(walk(f"{url} ", context, None, lambda text: quote(text, safe=""))).rstrip(" ")
    path = re.split("[?#]", filled, maxsplit=1)[0]
    if filled != url and {".", ".."} & set(path.split("/")):
        raise PlaceholderRefused(url)
    return filled


def fill_header(text: str, context: Mapping[str, Any]) -> list[str]:
    """The header in parts: text, name of a secret, text, …: a value that is filled in can name no secret.

    Raises PlaceholderMissing, PlaceholderUnfit for a value that looks like a placeholder itself.
    """
    parts = SECRET_PLACEHOLDER.split(text)
    return [part if n % 2 else filled_header(part, context) for n, part in enumerate(parts)]


def filled_header(text: str, context: Mapping[str, Any]) -> str:
    def value(found: re.Match[str]) -> str:
        filled = as_text(value_of(found, context, None))
        if "{{" in filled:
            raise PlaceholderUnfit(found.group(1).strip())
        return filled

    return PLACEHOLDER.sub(value, text)


def walk(value: Any, context: Mapping[str, Any], missing: str | None, encode: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return fill_text(value, context, missing, encode)
    if isinstance(value, Mapping):
        return {name: walk(one, context, missing, encode) for name, one in value.items()}
    if isinstance(value, list):
        return [walk(one, context, missing, encode) for one in value]
    return value


def fill_text(text: str, context: Mapping[str, Any], missing: str | None, encode: Callable[[str], str]) -> Any:
    whole = PLACEHOLDER.fullmatch(text)
    if whole:
        return value_of(whole, context, missing)
    return PLACEHOLDER.sub(lambda found: encode(as_text(value_of(found, context, missing))), text)


def value_of(found: re.Match[str], context: Mapping[str, Any], missing: str | None) -> Any:
    path = found.group(1).strip()
    if SECRET.fullmatch(path):
        return found.group()
    value = paths.value_at(path, context)
    if value is not MISSING and value is not None:
        return value
    if missing is None:
        raise PlaceholderMissing(path)
    return missing


def as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def found_in(value: Any) -> Iterator[str]:
    """The paths of all placeholders in a value, in order."""
    if isinstance(value, str):
        yield from (found.strip() for found in PLACEHOLDER.findall(value))
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from found_in(one)
    elif isinstance(value, list):
        for one in value:
            yield from found_in(one)
