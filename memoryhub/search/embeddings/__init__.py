"""Text to vectors, for the process: which embedder is configured, and the vectors of queries.

``get_embedder`` for whoever embeds in the background, ``embed_query`` on the path of a request.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from memoryhub.config import get_config

from .base import Embedder, ModelNotReady, ModelPackagesMissing

if TYPE_CHECKING:
    from .base import Vector

__all__ = ["Embedder", "ModelNotReady", "ModelPackagesMissing", "embed_query", "get_embedder", "reset", "warm"]

#: What a key of the query cache may hold, in characters: more than any embedder reads.
MAX_QUERY_CHARS = 16_384


@lru_cache(maxsize=1)
def get_embedder() -> Embedder | None:
    """The process's embedder as configured; None when embedding is turned off."""
    config = get_config()
    if config.search.embedder == "off":
        return None
    if config.search.embedder == "hashing":
        from .hashing import HashingEmbedder

        return HashingEmbedder()
    from .local import LocalEmbedder

    return LocalEmbedder(config.server.home)


def warm(wait_seconds: float = 0) -> bool:
    """Start loading the model; wait at most ``wait_seconds``. True when it is ready, False also when turned off."""
    embedder = get_embedder()
    return embedder is not None and embedder.warm(wait_seconds)


def embed_query(text: str) -> Vector | None:
    """The query's vector (read-only), or None when no model is ready: then answer by keyword and say ``degraded``.

    Takes about a millisecond, and never waits for the model to load: the first call starts that in the background.
    """
    try:
        return query_cache()(text[:MAX_QUERY_CHARS])
    except ModelNotReady:
        return None


@lru_cache(maxsize=1)
def query_cache() -> Callable[[str], Vector | None]:
    # an exception is not cached, so "not ready" is asked anew each time
    return lru_cache(maxsize=get_config().search.query_cache)(embed_one)


def embed_one(text: str) -> Vector | None:
    embedder = get_embedder()
    if embedder is None:
        return None
    vector = embedder.embed([text])[0]
    vector.setflags(write=False)
    return vector


def reset() -> None:
    """Forget embedder and cached queries, so that the next use reads the configuration again."""
    query_cache.cache_clear()
    get_embedder.cache_clear()


# a forked child has no loader thread, and must not wait for one
os.register_at_fork(after_in_child=reset)
