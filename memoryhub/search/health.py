"""Search as a part of the hub's health: the model, and how far its vectors lag behind."""

from __future__ import annotations

import json

from django.db import connection

from memoryhub.search.embeddings import get_embedder, query_cache
from memoryhub.sync.health import Part

#: Counting stops here, so that asking stays cheap.
MOST_COUNTED = 10_000


def search() -> Part:
    """``ready``: this process can embed queries; ``waiting``: changes that have no vectors yet (10,000 at most).

    ``queries``: how often this process knew a query's vector already, and how many it holds.
    """
    embedder = get_embedder()
    if embedder is not None and not embedder.ready:
        # asking is also a try, so that health tells of a recovery that no query has noticed yet
        embedder.warm()
    detail = {
        "model": embedder.name if embedder else None,
        "ready": embedder.ready if embedder else False,
        "waiting": waiting(),
        "queries": query_cache().figures(),
    }
    return Part(embedder.problem or "" if embedder else "", detail)


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
