"""Makes the model file once for each hub folder: half a second of work, 23 MB."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .base import ModelPackagesMissing
from .weights import MODEL_NAME, WEIGHTS_FILE, multiplies_signed, onnx_path, packaged_path


def silent(line: str) -> None:
    pass


def prepare(home: Path, say: Callable[[str], None] = silent) -> Path:
    """The model's file below ``home``, made if it is not there. Processes that meet here wait for one another.

    Raises ModelPackagesMissing, or OSError when the folder cannot be written.
    """
    path = onnx_path(home)
    if path.exists():
        say(f"The embedding model is ready: {path}")
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with alone(path.parent / f"{MODEL_NAME}.lock"):
        if not path.exists():
            say("Preparing the embedding model (once, about a second) …")
            write(path, build_model())
            remove_older(path)
    say(f"The embedding model is ready: {path} ({path.stat().st_size / 1e6:.0f} MB)")
    return path


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def build_model() -> bytes:
    try:
        from safetensors import safe_open

        from . import bert
    except ImportError as error:
        raise ModelPackagesMissing(f"the package {error.name}") from error
    with safe_open(packaged_path(WEIGHTS_FILE), framework="np") as weights:
        content: bytes = bert.build(weights.get_tensor, signed=multiplies_signed()).SerializeToString()
    return content


def write(path: Path, content: bytes) -> None:
    """Whole or not at all, also when the machine stops in the middle."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def remove_older(path: Path) -> None:
    for other in path.parent.glob("minilm-*.onnx"):
        if other != path:
            other.unlink(missing_ok=True)
