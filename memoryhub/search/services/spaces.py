"""Vector spaces: an embedder together with the recipe of what is embedded. Only vectors of one space are compared."""

from __future__ import annotations

from typing import NamedTuple

from django.conf import settings

from memoryhub.search.embeddings import Embedder, get_embedder


class Space(NamedTuple):
    """``name`` stands beside each vector of the space; ``embedder`` makes the vectors of queries to it.

    ``context_words``: so many words before a message are embedded with it.
    """

    name: str
    embedder: Embedder
    context_words: int


def active_space() -> Space | None:
    """The space that searches are answered from; None when embedding is turned off."""
    embedder = get_embedder()
    if embedder is None:
        return None
    words = settings.CONFIG.search.context_words
    return Space(name_of(embedder.name, words), embedder, words)


def name_of(embedder: str, context_words: int) -> str:
    return f"{embedder}/said-{context_words}"
