"""The doors that the rest of the hub uses: get_embedder, embed_query, warm, reset."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from memoryhub.config import get_config
from memoryhub.search import embeddings
from memoryhub.search.embeddings import local, weights
from memoryhub.search.embeddings.encoder import Encoder
from memoryhub.search.embeddings.hashing import HashingEmbedder
from memoryhub.search.embeddings.preparation import weights_beside

LOAD_LIMIT_SECONDS = 60


@pytest.fixture
def local_model(configured: pytest.MonkeyPatch, model_home: Path) -> pytest.MonkeyPatch:
    configured.setenv("MEMORYHUB_SEARCH__EMBEDDER", "local")
    configured.setenv("MEMORYHUB_HOME", str(model_home))
    return configured


def embedder() -> embeddings.Embedder:
    found = embeddings.get_embedder()
    assert found is not None
    return found


def test_off_means_no_embedder(configured: pytest.MonkeyPatch) -> None:
    configured.setenv("MEMORYHUB_SEARCH__EMBEDDER", "off")
    assert embeddings.get_embedder() is None
    assert embeddings.embed_query("anything") is None
    assert not embeddings.warm()


def test_hashing_is_ready_at_once(configured: pytest.MonkeyPatch) -> None:
    configured.setenv("MEMORYHUB_SEARCH__EMBEDDER", "hashing")
    assert (embedder().name, embedder().dimension, embedder().ready) == ("hashing-256", 256, True)
    assert embeddings.warm()
    query = embeddings.embed_query("dark theme")
    assert query is not None
    assert np.array_equal(query, embedder().embed(["dark theme"])[0])


def test_the_local_model_is_one_per_process_and_loads_when_warmed(local_model: pytest.MonkeyPatch) -> None:
    assert (embedder().name, embedder().dimension, embedder().ready) == ("minilm-l6-v2-w8a8", 384, False)
    assert embedder() is embedder()
    assert embeddings.warm(LOAD_LIMIT_SECONDS)
    assert embedder().ready
    assert embedder().problem is None
    assert embedder().embed([]) == []
    assert len(embedder().embed(["one", "two"])) == 2


def test_cold_threads_make_one_embedder(configured: pytest.MonkeyPatch) -> None:
    configured.setenv("MEMORYHUB_SEARCH__EMBEDDER", "hashing")
    made: list[int] = []
    others_come = threading.Event()
    init = HashingEmbedder.__init__

    def slow(self: HashingEmbedder, dimension: int) -> None:
        made.append(dimension)
        others_come.wait(0.2)
        init(self, dimension)

    configured.setattr(HashingEmbedder, "__init__", slow)
    threads = [threading.Thread(target=embeddings.get_embedder) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1


def test_threads_for_batches_follow_the_setting_or_the_machine(configured: pytest.MonkeyPatch) -> None:
    configured.setattr(os, "cpu_count", lambda: 8)
    assert embeddings.batch_threads() == 4
    get_config.cache_clear()
    configured.setenv("MEMORYHUB_SEARCH__EMBED_THREADS", "3")
    assert embeddings.batch_threads() == 3


def test_no_query_waits_for_the_model_to_load(local_model: pytest.MonkeyPatch) -> None:
    may_load = threading.Event()
    opened = local.open_encoder

    def slow(home: Path, threads: int) -> Encoder:
        may_load.wait(LOAD_LIMIT_SECONDS)
        return opened(home, threads)

    local_model.setattr(local, "open_encoder", slow)
    assert embeddings.embed_query("dark theme") is None
    with pytest.raises(embeddings.ModelNotReady, match="not loaded yet"):
        embedder().embed(["dark theme"])
    may_load.set()
    assert embeddings.warm(LOAD_LIMIT_SECONDS)
    assert embeddings.embed_query("dark theme") is not None


def test_queries_are_remembered_and_cannot_be_changed(local_model: pytest.MonkeyPatch) -> None:
    embeddings.warm(LOAD_LIMIT_SECONDS)
    first = embeddings.embed_query("dark theme")
    assert first is not None
    assert embeddings.embed_query("dark theme") is first
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 1


def test_a_cache_of_zero_remembers_nothing(configured: pytest.MonkeyPatch) -> None:
    configured.setenv("MEMORYHUB_SEARCH__EMBEDDER", "hashing")
    configured.setenv("MEMORYHUB_SEARCH__QUERY_CACHE", "0")
    assert embeddings.embed_query("dark theme") is not embeddings.embed_query("dark theme")


def test_a_missing_model_is_a_problem_in_words_not_a_failure(local_model: pytest.MonkeyPatch) -> None:
    local_model.setattr(weights, "PACKAGE", "gt-no-such-model")
    assert not embeddings.warm(LOAD_LIMIT_SECONDS)
    assert "gt-no-such-model is missing" in str(embedder().problem)
    assert embeddings.embed_query("dark theme") is None


def test_a_failed_load_is_told_once_and_tried_again_later(
    local_model: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with local_model.context() as broken:
        broken.setattr(weights, "PACKAGE", "gt-no-such-model")
        embeddings.warm(LOAD_LIMIT_SECONDS)
        broken.setattr(local, "monotonic", lambda: float("inf"))
        embeddings.warm(LOAD_LIMIT_SECONDS)
    assert caplog.text.count("gt-no-such-model is missing") == 1
    assert not embeddings.warm(LOAD_LIMIT_SECONDS), "the next try comes after a pause"
    local_model.setattr(local, "monotonic", lambda: float("inf"))
    assert embeddings.warm(LOAD_LIMIT_SECONDS)
    assert embedder().problem is None


def test_a_broken_file_is_a_problem_that_says_what_to_do(local_model: pytest.MonkeyPatch, tmp_path: Path) -> None:
    local_model.setenv("MEMORYHUB_HOME", str(tmp_path))
    broken = weights.onnx_path(tmp_path)
    broken.parent.mkdir()
    broken.write_bytes(b"not a model")
    weights_beside(broken).write_bytes(b"nor weights")
    assert not embeddings.warm(LOAD_LIMIT_SECONDS)
    assert "prepare_model" in str(embedder().problem)


def test_a_forked_process_starts_afresh(configured: pytest.MonkeyPatch) -> None:
    script = (
        "import os; from memoryhub.search import embeddings as e; parent = e.get_embedder(); pid = os.fork()\n"
        "if pid == 0: os._exit(0 if e.get_embedder() is not parent else 1)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0"
    )
    env = {**os.environ, "MEMORYHUB_SEARCH__EMBEDDER": "hashing"}
    subprocess.run([sys.executable, "-c", script], env=env, check=True)


def test_the_hub_imports_without_the_packages_of_the_model() -> None:
    script = (
        "import sys; sys.modules.update(dict.fromkeys(('numpy', 'onnx', 'onnxruntime', 'tokenizers', 'safetensors')))\n"
        "from memoryhub.search import embeddings as e\n"
        "assert not e.warm(30) and e.embed_query('x') is None\n"
        "assert 'is missing' in e.get_embedder().problem, e.get_embedder().problem"
    )
    env = {**os.environ, "MEMORYHUB_SEARCH__EMBEDDER": "local"}
    subprocess.run([sys.executable, "-c", script], env=env, check=True)
