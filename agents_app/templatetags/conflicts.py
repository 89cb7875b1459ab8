"""Template filters of the conflict pages."""

from __future__ import annotations

from datetime import datetime

from django import template
from django.utils import timezone

from agents_app.models import Strategy
from agents_app.services.conflicts import AUTOMATIC
from memoryhub.access import texts

register = template.Library()


@register.filter
def strategy_name(strategy: str) -> str:
    return str(Strategy(strategy).label) if strategy in Strategy.values else strategy.replace("_", " ")


@register.filter
def decider(name: str) -> str:
    """Who decided: a person, an agent, or a strategy by itself."""
    return "by the strategy alone" if name == AUTOMATIC else f"by {name or 'somebody'}"


@register.filter
def percent(share: float) -> str:
    return f"{share:.0%}"


@register.filter
def span_since(moment: datetime) -> str:
    """``3 hours``: how long ago that was."""
    return texts.span_words(timezone.now() - moment)
