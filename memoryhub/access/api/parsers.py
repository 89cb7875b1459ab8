"""JSON as strict as a memory needs it: what cannot be stored and given back unchanged is refused."""

from __future__ import annotations

import json
from typing import IO, Any

from django.conf import settings
from rest_framework.parsers import BaseParser

from memoryhub.access.exceptions import Invalid, TooLarge

LONGEST_NUMBER = 400


class StrictJSONParser(BaseParser):
    """Refuses duplicate keys, NaN, NUL and lone surrogates, huge numbers, deep nesting, big bodies."""

    media_type = "application/json"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        return parse_json(read_limited(stream))


def read_limited(stream: IO[bytes]) -> bytes:
    limit = settings.CONFIG.limits.body_kb * 1024
    body = stream.read(limit + 1)
    if len(body) > limit:
        raise TooLarge(f"The body is larger than {settings.CONFIG.limits.body_kb} KiB. Split the request.")
    return body


def parse_json(body: bytes) -> Any:
    """The parsed body. Raises Invalid naming the field where one can be named."""
    try:
        text = body.decode("utf-8")
        data = json.loads(
            text,
            object_pairs_hook=unique_keys,
            parse_constant=refuse_constant,
            parse_int=parse_int,
            parse_float=parse_float,
        )
    except UnicodeDecodeError as error:
        raise Invalid("body", f"The body is not UTF-8: {error.reason} at byte {error.start}.") from error
    except RecursionError as error:
        raise Invalid("body", too_deep()) from error
    except json.JSONDecodeError as error:
        raise Invalid(
            "body", f"The body is not JSON: {error.msg} (line {error.lineno}, column {error.colno})."
        ) from error
    check_tree(data)
    return data


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise Invalid(twice, f"The key '{twice}' stands twice in one object.")
    return result


def refuse_constant(name: str) -> Any:
    raise Invalid("body", f"{name} is not a JSON number.")


def parse_int(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise Invalid("body", f"A number has {len(text)} digits; at most {LONGEST_NUMBER} are allowed.")
    return int(text)


def parse_float(text: str) -> float:
    value = float(text) if len(text) <= LONGEST_NUMBER else float("inf")
    if value in (float("inf"), float("-inf")):
        raise Invalid("body", "A number is too large for a JSON number.")
    return value


def too_deep() -> str:
    return f"The body is nested deeper than {settings.CONFIG.limits.json_depth} levels."


def check_tree(data: Any) -> None:
    """Walks without recursion: depth, and characters that the database cannot hold."""
    limit = settings.CONFIG.limits.json_depth
    stack: list[tuple[Any, str, int]] = [(data, "", 1)]
    while stack:
        node, path, depth = stack.pop()
        if isinstance(node, str):
            check_text(node, path)
        elif isinstance(node, (dict, list)):
            if depth > limit:
                raise Invalid(path or "body", too_deep())
            stack.extend(children(node, path, depth))


def children(node: dict[str, Any] | list[Any], path: str, depth: int) -> list[tuple[Any, str, int]]:
    if isinstance(node, list):
        return [(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(node)]
    for key in node:
        check_text(key, path)
    return [(item, f"{path}.{key}" if path else key, depth + 1) for key, item in node.items()]


def check_text(text: str, path: str) -> None:
    if "\x00" in text:
        raise Invalid(path or "body", "Text must not contain the NUL character (\\u0000).")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise Invalid(path or "body", "Text must not contain a lone surrogate (half of a character).") from error
