from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from memoryhub import config
from memoryhub.search import embeddings
from memoryhub.search.embeddings.base import ModelPackagesMissing
from memoryhub.search.embeddings.encoder import Encoder
from memoryhub.search.embeddings.preparation import prepare
from memoryhub.search.embeddings.weights import TOKENIZER_FILE, packaged_path


@pytest.fixture(scope="session")
def model_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hub folder with the prepared model in it, made once a session."""
    home = tmp_path_factory.mktemp("model-home")
    try:
        prepare(home)
    except ModelPackagesMissing as error:
        pytest.fail(f"These tests need the bundled model, which 'make test' installs. {error}", pytrace=False)
    return home


@pytest.fixture(scope="session")
def encoder(model_home: Path) -> Encoder:
    return Encoder(prepare(model_home), packaged_path(TOKENIZER_FILE), threads=1)


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Environment variables set through it count at the next use of the embeddings."""
    config.get_config.cache_clear()
    embeddings.reset()
    yield monkeypatch
    monkeypatch.undo()
    config.get_config.cache_clear()
    embeddings.reset()
