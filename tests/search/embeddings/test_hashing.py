from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from memoryhub.search.embeddings.hashing import HashingEmbedder, stem

PRINT_VECTOR = (
    "from memoryhub.search.embeddings.hashing import embed_text\n"
    "print(embed_text('Deterministic texts').tobytes().hex())"
)


@pytest.mark.parametrize("text", ["hello", "", "  ", "?!", "🙂", "図書館", "a" * 100_000])
def test_vectors_are_float32_of_length_one(text: str) -> None:
    vector = HashingEmbedder().embed([text])[0]
    assert vector.shape == (256,)
    assert vector.dtype == np.float32
    assert abs(float(np.linalg.norm(vector)) - 1) < 1e-5


def test_texts_that_share_words_are_near() -> None:
    texts = ["Deploying the server", "the server was deployed", "cats like warm milk"]
    query, same, other = HashingEmbedder().embed(texts)
    assert query @ same > query @ other + 0.3


def test_every_process_makes_the_same_vector() -> None:
    seen = set()
    for seed in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", PRINT_VECTOR]
        seen.add(subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout)
    assert len(seen) == 1


def test_stems_keep_short_words_whole() -> None:
    stems = {"deployed": "deploy", "deploying": "deploy", "stories": "stor", "is": "is", "bed": "bed"}
    assert {word: stem(word) for word in stems} == stems
