"""What searching and the registry have to do with each other besides results: the parent asked for, the access log."""

from __future__ import annotations

from time import time

from django.conf import settings

from memoryhub.access.principals import Principal
from memoryhub.registry import selectors
from memoryhub.registry.exceptions import ParentNotFound
from memoryhub.registry.services.access_log import Access, log
from memoryhub.search.hooks import Searched
from memoryhub.search.requests import Filters

#: A query may be long; its beginning tells what was looked for.
MOST_CHARACTERS = 200


def check_parent(filters: Filters, principal: Principal) -> None:
    """Raises ParentNotFound for a parent that the caller may not see. Below an archived one may be others."""
    parent = filters.parent_id
    if parent is not None and not selectors.exists(parent, principal=principal, include_archived=True):
        raise ParentNotFound


def note(searched: Searched) -> None:
    """One line per search, unless ``search.log_queries`` is off: being found is not yet a use of an entry."""
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
