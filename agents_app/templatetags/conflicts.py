"""Template filters of the conflict pages."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.safestring import SafeString

from agents_app.models import Strategy
from memoryhub.access import texts
from memoryhub.registry.diffs import Missing

register = template.Library()


@register.filter
def strategy_name(strategy: str) -> str:
    return str(Strategy(strategy).label) if strategy in Strategy.values else strategy.replace("_", " ")


@register.filter
def percent(share: float) -> str:
    return f"{share:.0%}"


@register.filter
def is_missing(value: Any) -> bool:
    return isinstance(value, Missing)


@register.filter
def shown(value: Any) -> SafeString:
    """A JSON value of one path: a text without quotes reads best, but null and "null" must differ."""
    return texts.json_html(value)
