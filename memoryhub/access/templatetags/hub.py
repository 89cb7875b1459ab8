"""Template tags of the admin pages."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django import template
from django.utils.safestring import SafeString

from memoryhub.access import texts

register = template.Library()


@register.filter
def visible(text: object) -> SafeString:
    """Agent-written text, escaped, with hidden characters written out."""
    return texts.visible("" if text is None else text)


@register.filter
def who(name: str | None) -> str:
    """Who did something, for people: jobs and set-up are the hub itself, a key without a name is its last digits."""
    if not name or name.startswith("system:"):
        return "the hub"
    return f"a key without a name (…{name[-4:]})" if name.startswith("key:") else name


@register.filter
def as_json(value: Any) -> SafeString:
    return texts.json_html(value)


@register.filter
def plain(value: Any) -> str:
    """A text as it is, anything else as JSON on one line."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@register.filter
def moment(at: datetime | None) -> SafeString:
    """Relative and absolute time."""
    return texts.moment_html(at)


@register.filter
def ago(at: datetime | None) -> str:
    return texts.relative(at) if at else texts.NOTHING


@register.filter
def exact(at: datetime | None) -> str:
    return f"{texts.absolute(at)} UTC" if at else texts.NOTHING


@register.filter
def thousands(number: int | None) -> str:
    """12,345; "unavailable" for what could not be counted, which is not zero."""
    return "unavailable" if number is None else f"{number:,}"
