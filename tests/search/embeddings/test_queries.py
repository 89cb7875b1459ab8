"""The vectors of recent queries."""

from __future__ import annotations

import numpy as np

from memoryhub.search import embeddings
from memoryhub.search.embeddings.queries import QueryCache


def vector(dimension: int = 4) -> np.ndarray:
    return np.ones(dimension, dtype=np.float32)


def test_the_queries_used_last_are_kept():
    cache = QueryCache(2)
    cache.put("m", "one", vector())
    cache.put("m", "two", vector())
    assert cache.get("m", "one") is not None
    cache.put("m", "three", vector())
    assert cache.get("m", "two") is None
    assert cache.get("m", "one") is not None
    assert cache.figures() == {"hits": 2, "misses": 1, "kept": 2, "bytes": 32}


def test_another_model_and_another_dimension_have_their_own_vectors():
    cache = QueryCache(10)
    cache.put("remote:m:4", "one", vector())
    assert cache.get("remote:m:8", "one") is None
    cache.put("remote:m:8", "one", vector(8))
    found = cache.get("remote:m:8", "one")
    assert found is not None
    assert found.shape == (8,)


def test_a_long_query_takes_no_more_room_than_a_short_one():
    cache = QueryCache(10)
    cache.put("m", "x" * 1_000_000 + "\ud800", vector())
    assert cache.figures()["bytes"] == 16
    assert cache.get("m", "x" * 1_000_000) is None


def test_several_queries_are_asked_for_at_once_and_only_the_new_ones(configured):
    configured.setenv("MEMORYHUB_SEARCH__EMBEDDER", "hashing")
    asked: list[list[str]] = []
    embedder = embeddings.get_embedder()
    assert embedder is not None

    def note(texts: list[str]) -> list[np.ndarray]:
        asked.append(list(texts))
        return embedder.embed(texts)

    configured.setattr(embedder, "embed_queries", note)
    one = embeddings.embed_query("one")
    found = embeddings.embed_queries(["two", "one", "three", "two"])
    assert found is not None
    assert found[1] is one
    assert found[0] is found[3]
    assert asked == [["one"], ["two", "three"]]
    assert embeddings.query_cache().figures()["hits"] == 1
