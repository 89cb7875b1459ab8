"""Makes the model's files once for each hub folder: a second of work, 34 MB.

The weights lie in a file of their own, as this processor multiplies them, and every process of the hub maps
that file: the machine holds them in memory once, and a process of its own 2 MB.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from memoryhub.config import ROOT

from .base import ModelPackagesMissing
from .weights import MODEL_NAME, WEIGHTS_FILE, multiplies_signed, onnx_path, packaged_path, processor

#: onnxruntime's level of messages that are errors; it warns that the file fits this kind of machine, which it shall.
ERRORS_ONLY = 3
#: Smaller constants stay in the graph's file.
MAPPED_FROM_BYTES = 4096


def silent(line: str) -> None:
    pass


def prepare(home: Path, say: Callable[[str], None] = silent) -> Path:
    """The model's graph below ``home``, made if it is not there. Processes that meet here wait for one another.

    Raises ModelPackagesMissing, or OSError when the folder cannot be written.
    """
    path = onnx_path(home)
    if complete(path):
        say(f"The embedding model is ready: {path}")
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with alone(path.parent / f"{MODEL_NAME}.lock"):
        if not complete(path):
            say("Preparing the embedding model (once, about a second) …")
            make(path)
            remove_older(path)
    say(f"The embedding model is ready: {path} ({weights_beside(path).stat().st_size / 1e6:.0f} MB)")
    return path


def weights_beside(path: Path) -> Path:
    return path.with_suffix(".bin")


def complete(path: Path) -> bool:
    return path.exists() and weights_beside(path).exists()


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def make(path: Path) -> None:
    """Whole or not at all, also when the machine stops in the middle: the graph appears last."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".making-") as folder:
        made = Path(folder) / path.name
        write_files(made)
        for file in (weights_beside(made), made):
            flush(file)
            os.replace(file, path.parent / file.name)


def flush(file: Path) -> None:
    with file.open("rb+") as handle:
        os.fsync(handle.fileno())


def write_files(path: Path) -> None:
    """In a process of its own: whoever needs the model first would keep the memory that making it takes."""
    for package in ("onnx", "onnxruntime", "safetensors", "numpy"):
        if find_spec(package) is None:
            raise ModelPackagesMissing(f"the package {package}")
    command = [sys.executable, "-m", "memoryhub.search.embeddings.preparation", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own module
    if done.returncode:
        raise OSError(f"making it failed: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")


def build_files(path: Path) -> None:
    """The graph and, beside it, its weights: packed for this processor where that is known, else as they are."""
    import onnxruntime
    from safetensors import safe_open

    from . import bert

    with safe_open(packaged_path(WEIGHTS_FILE), framework="np") as weights:
        graph = bert.build(weights.get_tensor, signed=multiplies_signed()).SerializeToString()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = ERRORS_ONLY
    options.optimized_model_filepath = str(path)
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    entries = {
        "session.optimized_model_external_initializers_file_name": weights_beside(path).name,
        "session.optimized_model_external_initializers_min_size_in_bytes": str(MAPPED_FROM_BYTES),
        "session.save_external_prepacked_constant_initializers": "1" if processor() else "0",
    }
    for name, value in entries.items():
        options.add_session_config_entry(name, value)
    # opening a model writes down what has become of it
    onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def remove_older(path: Path) -> None:
    """Other versions, and what a killed process left. Who has mapped a file keeps it until its end."""
    for other in path.parent.iterdir():
        if other.name.startswith(".making-"):
            shutil.rmtree(other, ignore_errors=True)
        elif other.suffix in (".onnx", ".bin") and other.stem != path.stem:
            other.unlink(missing_ok=True)


if __name__ == "__main__":
    build_files(Path(sys.argv[1]))
