"""Searches leave a line in the access log, unless ``search.log_queries`` is off."""

from __future__ import annotations

from time import time

from django.conf import settings

from memoryhub.registry.services.access_log import Access, log
from memoryhub.search.hooks import Searched

#: A query may be long; its beginning tells what was looked for.
MOST_CHARACTERS = 200


def note(searched: Searched) -> None:
    """One line per search, whatever it found: being found is not yet a use of an entry."""
    if not settings.CONFIG.search.log_queries:
        return
    principal, answer = searched.principal, searched.answer
    log.add(
        [
            Access(
                principal.tenant_id,
                None,
                f"search: {answer.query[:MOST_CHARACTERS]}",
                time(),
                round(searched.latency_ms, 3),
                False,
                "search",
                principal.actor,
                principal.named_user,
            )
        ]
    )
