"""Text to vectors, for the process: which embedder is configured, and the vectors of queries.

``get_embedder`` for whoever embeds in the background, ``embed_query`` and ``embed_queries`` on the path of a request.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from memoryhub.config import get_config

from .base import Embedder, ModelNotReady, ModelPackagesMissing
from .queries import QueryCache

if TYPE_CHECKING:
    from .base import Vector

__all__ = [
    "Embedder",
    "ModelNotReady",
    "ModelPackagesMissing",
    "embed_queries",
    "embed_query",
    "get_embedder",
    "query_cache",
    "reset",
    "warm",
]


@lru_cache(maxsize=1)
def get_embedder() -> Embedder | None:
    """The process's embedder as configured; None when embedding is turned off."""
    config = get_config()
    if config.search.embedder == "off":
        return None
    if config.search.embedder == "hashing":
        from .hashing import HashingEmbedder

        return HashingEmbedder()
    if config.search.embedder == "remote":
        from .remote import RemoteEmbedder

        return RemoteEmbedder(config.search.remote, keep_late=remember)
    from .local import LocalEmbedder

    return LocalEmbedder(config.server.home, batch_size=config.search.embed_batch, threads=batch_threads())


def batch_threads() -> int:
    """As configured, or half of the processors: the relay that embeds gives way to requests, but not for nothing."""
    return get_config().search.embed_threads or max(1, (os.cpu_count() or 1) // 2)


def warm(wait_seconds: float = 0) -> bool:
    """Start loading the model; wait at most ``wait_seconds``. True when it is ready, False also when turned off."""
    embedder = get_embedder()
    return embedder is not None and embedder.warm(wait_seconds)


def embed_query(text: str, embedder: Embedder | None = None) -> Vector | None:
    """The query's vector (read-only), or None when no model is ready: then answer by keyword and say ``degraded``.

    Takes about a millisecond with the bundled model, and never waits for it to load: the first call starts that
    in the background. A remote endpoint is waited for as long as ``search.remote.query_timeout_ms`` says.
    """
    found = embed_queries([text], embedder)
    return found[0] if found else None


def embed_queries(texts: Sequence[str], embedder: Embedder | None = None) -> list[Vector] | None:
    """Vectors of several queries at the price of one question to the model; None when there is none for some.

    By ``embedder``, or the configured one.
    """
    embedder = embedder or get_embedder()
    if embedder is None:
        return None
    cache = query_cache()
    found = {text: cache.get(embedder.name, text) for text in texts}
    missing = [text for text, vector in found.items() if vector is None]
    try:
        made = dict(zip(missing, embedder.embed_queries(missing) if missing else [], strict=True))
    except ModelNotReady:
        return None
    for text, vector in made.items():
        cache.put(embedder.name, text, vector)
    return [made[text] if vector is None else vector for text in texts for vector in [found[text]]]


@lru_cache(maxsize=1)
def query_cache() -> QueryCache:
    """The vectors of this process's queries, with counts of hits and misses."""
    return QueryCache(get_config().search.query_cache)


def remember(text: str, vector: Vector) -> None:
    """Keeps a query's vector that nobody waited for."""
    embedder = get_embedder()
    if embedder is not None:
        query_cache().put(embedder.name, text, vector)


def reset() -> None:
    """Forget embedder and cached queries, so that the next use reads the configuration again."""
    query_cache.cache_clear()
    get_embedder.cache_clear()


# a forked child has no loader thread, and must not wait for one
os.register_at_fork(after_in_child=reset)
