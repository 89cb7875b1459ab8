"""The bundled model, loaded in the background so that no request waits for it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from .base import ModelNotReady, ModelPackagesMissing
from .preparation import prepare
from .weights import DIMENSION, MODEL_NAME, TOKENIZER_FILE, packaged_path

if TYPE_CHECKING:
    from .base import Vector
    from .encoder import Encoder

logger = logging.getLogger(__name__)

RETRY_SECONDS = 30.0


class LocalEmbedder:
    """all-MiniLM-L6-v2 in 8 bits; see ``bert.py``. ``threads`` of the processor share a batch."""

    name = MODEL_NAME
    dimension = DIMENSION

    def __init__(self, home: Path, *, batch_size: int = 16, threads: int = 1) -> None:
        self.home = home
        self.batch_size = batch_size
        self.threads = threads
        self.problem: str | None = None
        self._encoder: Encoder | None = None
        self._loader: threading.Thread | None = None
        self._retry_at = 0.0
        self._starting = threading.Lock()

    @property
    def ready(self) -> bool:
        return self._encoder is not None

    def warm(self, wait_seconds: float = 0) -> bool:
        loader = self._start()
        if loader and wait_seconds:
            loader.join(wait_seconds)
        return self.ready

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        if self._encoder is None:
            self._start()
            raise ModelNotReady(self.problem)
        return self._encoder.encode(texts) if texts else []

    def embed_queries(self, texts: Sequence[str]) -> list[Vector]:
        """One by one: a short one and a long one together are filled up to the longer, which costs more."""
        return [vector for text in texts for vector in self.embed([text])]

    def _start(self) -> threading.Thread | None:
        """The thread that loads, started unless the model is there or has just failed to load."""
        with self._starting:
            running = self._loader is not None and self._loader.is_alive()
            if not running and not self.ready and monotonic() >= self._retry_at:
                self._loader = threading.Thread(target=self._load, name="embedding-model-loader", daemon=True)
                self._loader.start()
            return self._loader

    def _load(self) -> None:
        try:
            self._encoder = open_encoder(self.home, self.threads)
            self.problem = None
        except Exception as error:  # whatever the runtime raises, health must show it and search go on by keyword
            before, self.problem = self.problem, describe(error)
            self._retry_at = monotonic() + RETRY_SECONDS
            if self.problem != before:  # once, and not at every try
                logger.warning("%s", self.problem, exc_info=not isinstance(error, ModelPackagesMissing))


def open_encoder(home: Path, threads: int) -> Encoder:
    try:
        from .encoder import Encoder
    except ImportError as error:
        raise ModelPackagesMissing(f"the package {error.name}") from error
    return Encoder(prepare(home), packaged_path(TOKENIZER_FILE), threads=threads)


def describe(error: Exception) -> str:
    if isinstance(error, ModelNotReady):
        return str(error)
    return (
        f"The embedding model could not be loaded ({type(error).__name__}: {error}). Search works by keyword only. "
        f"The hub tries again every {RETRY_SECONDS:.0f} seconds; if it stays so, "
        "delete the folder 'models' in the hub's home and run 'manage.py prepare_model'."
    )
