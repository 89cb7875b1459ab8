"""What Django does at both ends of every request and what this hub has no use for."""

from __future__ import annotations

from django.conf import settings
from django.core.cache import close_caches
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, reset_queries


def drop_idle_receivers() -> None:
    """Takes off the receivers that find nothing to do, which took a tenth of a request without a database.

    Queries are collected in debug mode alone; the cache lives in the process and has nothing to close; the
    database connection is looked at when a request begins, so a second look at its end is one too many.
    """
    if not settings.DEBUG:
        request_started.disconnect(reset_queries)
    request_finished.disconnect(close_caches)
    request_finished.disconnect(close_old_connections)
