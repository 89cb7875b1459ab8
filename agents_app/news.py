"""What the admin's open pages hear of at once. Higher houses add kinds of their own in ``AppConfig.ready``.

A kind that is a topic of the outbox is announced whenever the relay hands out an event of that topic. Pages hear that
something moved in a tenant, and ask for what they show; nothing else is said.
"""

from __future__ import annotations

from collections.abc import Mapping

#: Of change feeds: not a topic of the outbox, but what comes of several.
FEED = "feed"

_kinds: dict[str, str] = {}


def register(kind: str, permission: str) -> None:
    """Adds a kind; ``permission`` (``app.view_model``) is what a member of the staff needs to hear of it."""
    _kinds[kind] = permission


def permissions() -> Mapping[str, str]:
    return _kinds


def topics() -> frozenset[str]:
    """The topics of the outbox that pages hear of."""
    return frozenset(_kinds) - {FEED}
