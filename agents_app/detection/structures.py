"""JSON values compared path by path."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from agents_app.detection.lexicon import words

#: Say when or by whom it was noted, and not what is so.
VOLATILE = words(
    "timestamp ts updated created updated_at created_at modified_at noted_at observed_at last_seen recorded_at "
    "request_id trace_id confidence score source version etag hash checksum author agent agent_id session_id"
)
#: Say which thing it is about: another value, another thing.
IDENTITY = words(
    "id uuid guid key name title slug code number no ref reference user user_id customer customer_id account "
    "person email host hostname server node ip url uri path file device sensor room project service component "
    "ticket order invoice task job date day month year event city country product sku pet course check vehicle "
    "branch repo repository environment env"
)
#: Where a memory is wrapped in an object of one member.
WRAPPERS = words("content text value memory note fact statement message description summary")
LONG_TEXT = 4
CERTAIN = 0.97


@dataclass(frozen=True, slots=True)
class Compared:
    """``differing``: path, value here, value there. ``identity``: the paths by which they are about two things."""

    equal: tuple[str, ...]
    differing: tuple[tuple[str, Any, Any], ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    identity: tuple[str, ...]


def unwrapped(value: Any) -> Any:
    """The text of ``{"content": "…"}``, else the value itself."""
    while isinstance(value, dict):
        inner = {name: item for name, item in value.items() if name.lower() not in VOLATILE}
        if len(inner) != 1 or next(iter(inner)).lower() not in WRAPPERS:
            return value
        value = next(iter(inner.values()))
    return value


def compare(a: dict[str, Any], b: dict[str, Any]) -> Compared:
    here, there = dict(leaves(a)), dict(leaves(b))
    shared = [path for path in here if path in there]
    differing = [path for path in shared if plain(here[path]) != plain(there[path])]
    return Compared(
        equal=tuple(path for path in shared if path not in differing),
        differing=tuple((path, here[path], there[path]) for path in differing),
        only_a=tuple(path for path in here if path not in there),
        only_b=tuple(path for path in there if path not in here),
        identity=tuple(path for path in differing if last(path) in IDENTITY or last(path).endswith(("_id", "id_"))),
    )


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """JSON Pointers and what stands there: scalars, and lists as a whole. Without recursion, however deep it is."""
    stack = [(path, value)]
    while stack:
        where, node = stack.pop()
        if isinstance(node, dict):
            stack.extend(
                (f"{where}/{escaped(name)}", item)
                for name, item in reversed(node.items())
                if name.lower() not in VOLATILE
            )
        else:
            yield where, node


def escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def last(path: str) -> str:
    return path.rsplit("/", 1)[-1].lower()


def plain(value: Any) -> Any:
    """A scalar as it is compared: "Blue-Green" is "blue_green", and the order of a list says nothing."""
    if isinstance(value, str):
        return re.sub(r"[\s_-]+", " ", value.strip().lower())
    if isinstance(value, list):
        return sorted(repr(plain(item)) for item in value)
    if isinstance(value, bool) or value is None:
        return repr(value)
    return float(value) if isinstance(value, (int, float)) and abs(value) < 2**53 else repr(value)


#: Two texts to the probability that they say the same, and that they contradict each other.
Texts = Callable[[str, str], tuple[float, float]]


def probabilities(found: Compared, texts: Texts) -> tuple[float, float]:
    """Duplicate and contradiction, from what is equal and what is not."""
    if found.identity or not (found.equal or found.differing):
        return 0.02, 0.02
    scored = [of_path(a, b, texts) for _, a, b in found.differing]
    same = min((duplicate for duplicate, _ in scored), default=CERTAIN)
    against = max((contradiction for _, contradiction in scored), default=0.02)
    if found.only_a or found.only_b:
        same *= 0.3
    if not found.equal and len(found.differing) > 1:
        against *= 0.5
    if len(found.differing) > len(found.equal) + 1:
        against *= 0.5
    return same, against


def of_path(a: Any, b: Any, texts: Texts) -> tuple[float, float]:
    if isinstance(a, str) and isinstance(b, str) and min(len(a.split()), len(b.split())) >= LONG_TEXT:
        return texts(a, b)
    if isinstance(a, list) or isinstance(b, list):
        return 0.1, 0.3
    if a is None or b is None:
        return 0.1, 0.4
    return 0.02, 0.9
