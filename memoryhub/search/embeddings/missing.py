"""The place of an embedder that cannot be made: it says so, and searches go on by keyword."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from .base import ModelNotReady

if TYPE_CHECKING:
    from .base import Vector


class MissingEmbedder:
    """Never ready. ``problem`` says why in words for an operator."""

    dimension = 0
    batch_size = 1
    ready = False

    def __init__(self, name: str, problem: str) -> None:
        self.name = name
        self.problem = problem

    def warm(self, wait_seconds: float = 0) -> bool:
        return False

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        self._refuse()

    def embed_queries(self, texts: Sequence[str]) -> list[Vector]:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise ModelNotReady(self.problem)
