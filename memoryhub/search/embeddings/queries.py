"""The vectors of recent queries, so that a query asked again costs nothing."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .base import Vector


class QueryCache:
    """The ``size`` queries used last. May be used by several threads.

    Its memory is bounded by their number: a query is kept as a digest, whatever its length. The name of
    the model is part of that, so that a vector of another model, or of another dimension, is never given.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.hits = self.misses = 0
        self._vectors: OrderedDict[bytes, Vector] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, model: str, text: str) -> Vector | None:
        key = digest(model, text)
        with self._lock:
            vector = self._vectors.get(key)
            if vector is None:
                self.misses += 1
            else:
                self.hits += 1
                self._vectors.move_to_end(key)
            return vector

    def put(self, model: str, text: str, vector: Vector) -> None:
        """The vector is read-only from here on, because every asker gets the same one."""
        vector.setflags(write=False)
        with self._lock:
            self._vectors[digest(model, text)] = vector
            if len(self._vectors) > self.size:
                self._vectors.popitem(last=False)

    def figures(self) -> dict[str, int]:
        """``hits`` and ``misses`` since the process started, vectors ``kept`` and their ``bytes``."""
        with self._lock:
            held = sum(vector.nbytes for vector in self._vectors.values())
            return {"hits": self.hits, "misses": self.misses, "kept": len(self._vectors), "bytes": held}


def digest(model: str, text: str) -> bytes:
    # surrogates cannot be encoded otherwise, and a query may hold anything
    return hashlib.blake2b(f"{model}\0{text}".encode("utf-8", "surrogatepass"), digest_size=16).digest()
