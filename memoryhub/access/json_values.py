"""What of JSON can be kept and given back unchanged: no NUL, no half characters, no bottomless nesting."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from memoryhub.access.exceptions import Invalid


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
