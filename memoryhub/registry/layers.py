"""How long an entry lives, by layer, and how names of layers are understood."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from memoryhub.registry.models.entries import LAYER_ALIASES, Layer

HOUR, DAY = 3600, 86_400


def layer_of(name: str) -> str:
    """The layer of a name or alias (``short``, ``long``)."""
    return str(LAYER_ALIASES.get(name, name))


def lives() -> dict[str, float]:
    """Seconds from writing to the default end. A layer not named here has none."""
    rules = settings.CONFIG.lifecycle
    return {
        Layer.EPHEMERAL.value: rules.ephemeral_seconds,
        Layer.SESSION.value: rules.session_idle_hours * HOUR,
        Layer.SHORT_TERM.value: rules.short_term_days * DAY,
    }


def slides() -> dict[str, int]:
    """Seconds by which each use moves the end of an entry of that layer."""
    rules = settings.CONFIG.lifecycle
    return {
        Layer.EPHEMERAL.value: rules.ephemeral_seconds,
        Layer.SESSION.value: rules.session_idle_hours * HOUR,
    }


def life_rules() -> dict[str, Any]:
    """``lives`` and ``slides`` as the write function takes them."""
    return {"lives": lives(), "slides": slides()}
