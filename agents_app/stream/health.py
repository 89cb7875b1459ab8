"""The stream's part of ``GET /memory/health``."""

from __future__ import annotations

from django.conf import settings

from memoryhub.sync import health

NAME = "stream"
STALE_SECONDS = 30.0


def stream() -> health.Part:
    return health.alive(NAME, STALE_SECONDS, "The stream tells live listeners what changes; they can still ask.")


def register() -> None:
    """Where it is turned off there is nothing to be ill."""
    if settings.CONFIG.server.live_port:
        health.register(NAME, stream)
