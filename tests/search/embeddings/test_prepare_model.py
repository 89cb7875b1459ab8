from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from memoryhub.search.embeddings import weights
from memoryhub.search.management.commands.prepare_model import Command


def run() -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command(Command(), stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_it_makes_the_file_and_says_so(configured: pytest.MonkeyPatch, tmp_path: Path) -> None:
    configured.setenv("MEMORYHUB_SEARCH__EMBEDDER", "local")
    configured.setenv("MEMORYHUB_HOME", str(tmp_path))
    first, errors = run()
    assert "Preparing" in first
    assert str(weights.onnx_path(tmp_path)) in first
    assert not errors
    assert "Preparing" not in run()[0]


def test_missing_packages_are_one_clear_line_and_no_failure(configured: pytest.MonkeyPatch, tmp_path: Path) -> None:
    configured.setenv("MEMORYHUB_SEARCH__EMBEDDER", "local")
    configured.setenv("MEMORYHUB_HOME", str(tmp_path))
    configured.setattr(weights, "PACKAGE", "gt-no-such-model")
    _, errors = run()
    assert "keyword only" in errors
    assert errors.count("\n") == 1


def test_a_folder_that_cannot_be_written_is_an_error(configured: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("in the way")
    configured.setenv("MEMORYHUB_SEARCH__EMBEDDER", "local")
    configured.setenv("MEMORYHUB_HOME", str(tmp_path))
    with pytest.raises(CommandError, match="cannot be written"):
        run()


def test_other_embedders_need_no_file(configured: pytest.MonkeyPatch) -> None:
    configured.setenv("MEMORYHUB_SEARCH__EMBEDDER", "hashing")
    assert "Nothing to prepare" in run()[0]
