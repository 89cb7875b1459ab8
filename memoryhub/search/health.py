"""Search as a part of the hub's health: the model, and how far its vectors lag behind."""

from __future__ import annotations

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
