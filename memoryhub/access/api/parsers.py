"""JSON as strict as a memory needs it: what cannot be stored and given back unchanged is refused."""

from __future__ import annotations

import json
from typing import IO, Any

from django.conf import settings
from rest_framework.parsers import BaseParser

from memoryhub.access.exceptions import Invalid, TooLarge
from memoryhub.access.json_values import check_tree, too_deep

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
