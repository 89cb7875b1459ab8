"""Search as a part of the hub's health: the model, and how far its vectors lag behind."""

from __future__ import annotations

import json
from typing import Any

from django.db import connection

from memoryhub.search.embeddings import query_cache
from memoryhub.search.models import VectorSpace
from memoryhub.search.services.spaces import State, active_space
from memoryhub.sync.health import Part

#: Counting stops here, so that asking stays cheap.
MOST_COUNTED = 10_000


def search() -> Part:
    """``ready``: this process can embed queries; ``waiting``: changes that have no vectors yet (10,000 at most).

    ``queries``: how often this process knew a query's vector already, and how many it holds. ``spaces``: the search
    model in use and the one that is on its way, with ``lacking``: rows that are not embedded for it yet, and ``error``.
    """
    space = active_space()
    embedder = space.embedder if space else None
    if embedder is not None and not embedder.ready:
        # asking is also a try, so that health tells of a recovery that no query has noticed yet
        embedder.warm()
    detail = {
        "model": space.name if space else None,
        "ready": embedder.ready if embedder else False,
        "waiting": waiting(),
        "queries": query_cache().figures(),
        "spaces": list(map(described, VectorSpace.objects.exclude(state__in=["retired", "dropped"]))),
    }
    return Part(embedder.problem or "" if embedder else "", detail)


def described(row: VectorSpace) -> dict[str, Any]:
    found = {"name": row.name, "state": row.state, "error": error_of(row)}
    if row.state == VectorSpace.State.ACTIVE:
        return found | {"lacking": waiting()}
    return found | {"done": row.done, "total": row.total, "lacking": max(row.total - row.done, 0)}


def error_of(row: VectorSpace) -> str:
    """That something went wrong, for any key: what it was names memories, and stands in the admin alone."""
    if row.state == State.FAILED:
        return f"{row.refused} rows could not be embedded. See Search models in the admin."
    return "Something could not be embedded; it is tried again. See Search models in the admin." if row.error else ""


def waiting() -> int:
    """Entries and sessions of all tenants that changed and are not embedded yet, counted up to 10,000."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT search_vectors_waiting(%s)", [MOST_COUNTED])
        return int(cursor.fetchone()[0])


def vector_indexes() -> Part:
    """The indexes of tenants too large to be searched exactly, by what has become of them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT search_vector_indexes_by_status()")
        detail = json.loads(cursor.fetchone()[0])
    problem = "A large tenant is searched slowly: its vector index could not be built. See Vector indexes in the admin."
    return Part(problem if detail["failed"] else "", detail)
