"""Text to vectors, for the process: which embedder is configured, and the vectors of queries.

``get_embedder`` for whoever embeds in the background, ``embed_query`` and ``embed_queries`` on the path of a request.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from memoryhub.config import get_config
from memoryhub.config_sections import RemoteEmbeddings

from .base import Embedder, ModelNotReady, ModelPackagesMissing
from .queries import QueryCache

if TYPE_CHECKING:
    from .base import Vector

#: What kind of embedder, and its settings.
Description: TypeAlias = tuple[str, dict[str, Any]]

__all__ = [
    "Embedder",
    "ModelNotReady",
    "ModelPackagesMissing",
    "configured",
    "embed_queries",
    "embed_query",
    "embedder_of",
    "get_embedder",
    "query_cache",
    "reset",
    "warm",
]


# a cache alone lets two threads make the same embedder, and load its model twice
_making = threading.Lock()


@lru_cache(maxsize=1)
def get_embedder() -> Embedder | None:
    """The process's embedder as configured; None when embedding is turned off."""
    found = configured()
    return None if found is None else embedder_of(*found)


def configured() -> Description | None:
    """The configured embedder, so that it can be made again when another one is configured; without secrets."""
    search = get_config().search
    if search.embedder == "off":
        return None
    if search.embedder == "hashing":
        return "hashing", {"dimension": search.hashing_dimension}
    return search.embedder, search.remote.model_dump(exclude={"api_key"}) if search.embedder == "remote" else {}


def embedder_of(kind: str, settings: Mapping[str, Any]) -> Embedder:
    """The embedder of a description. One per process, so that a model is loaded once. Raises ValueError."""
    with _making:
        return loaded(kind, json.dumps(settings, sort_keys=True))


@lru_cache(maxsize=8)
def loaded(kind: str, settings: str) -> Embedder:
    known = get_config()
    if kind == "hashing":
        from .hashing import HashingEmbedder

        return HashingEmbedder(**json.loads(settings))
    if kind == "remote":
        from .remote import RemoteEmbedder

        described = RemoteEmbeddings(**json.loads(settings))
        if host(described.url) == host(known.search.remote.url):
            # it is kept in no table, and sent to the host that it is configured for alone
            described = described.model_copy(update={"api_key": known.search.remote.api_key})
        return RemoteEmbedder(described, keep_late=partial(remember, f"{kind}:{described.model}:{described.dimension}"))
    from .local import LocalEmbedder

    return LocalEmbedder(known.server.home, batch_size=known.search.embed_batch, threads=batch_threads())


def host(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


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


def remember(model: str, text: str, vector: Vector) -> None:
    """Keeps a query's vector that nobody waited for."""
    query_cache().put(model, text, vector)


def reset() -> None:
    """Forget embedder and cached queries, so that the next use reads the configuration again."""
    query_cache.cache_clear()
    get_embedder.cache_clear()
    loaded.cache_clear()


def start_afresh() -> None:
    """A forked child has no loader thread, and nobody who would release what another thread held."""
    global _making  # noqa: PLW0603 - the fork leaves no other way
    _making = threading.Lock()
    reset()


os.register_at_fork(after_in_child=start_afresh)
