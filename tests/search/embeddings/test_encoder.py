from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from memoryhub.search.embeddings.encoder import RUN_TOKENS, Encoder, runs
from memoryhub.search.embeddings.preparation import prepare
from memoryhub.search.embeddings.weights import TOKENIZER_FILE, packaged_path


def test_vectors_are_float32_of_length_one(encoder: Encoder) -> None:
    for vector in encoder.encode(["a", "", "?!", "\x00\u202e🙂", "word " * 5000]):
        assert vector.shape == (384,)
        assert vector.dtype == np.float32
        assert abs(float(np.linalg.norm(vector)) - 1) < 1e-5


def test_meaning_decides_who_is_near(encoder: Encoder) -> None:
    query, same, other, further = encoder.encode(
        ["dark theme", "night mode interface", "invoice payment terms", "The cat sleeps on the sofa"]
    )
    assert query @ same > max(query @ other, query @ further) + 0.2


def test_a_text_has_the_same_vector_in_every_batch(encoder: Encoder) -> None:
    texts = [f"note {number}: " + "the meeting moved to Friday " * (number % 7) for number in range(40)]
    together = encoder.encode(texts)
    for text, vector in zip(texts, together, strict=True):
        assert float(encoder.encode([text])[0] @ vector) > 0.995


def test_only_the_first_256_tokens_count(encoder: Encoder) -> None:
    start = "alpha beta " * 200
    first, second = encoder.encode([start, start + "and something entirely different"])
    assert np.array_equal(first, second)


def test_special_tokens_in_a_text_are_plain_text(encoder: Encoder) -> None:
    assert encoder.tokenizer.encode("[SEP]").ids.count(102) == 1


def test_runs_hold_every_text_once_and_are_bounded() -> None:
    tokens = [[7] * length for length in (256, 3, 90, 256, 12, 256, 256, 3, 256, 256, 256, 256, 256)]
    places = list(runs(tokens))
    assert sorted(place for run in places for place in run) == list(range(len(tokens)))
    assert all(len(run) * max(len(tokens[place]) for place in run) <= RUN_TOKENS for run in places)
    assert len(places) > 1


def test_threads_share_one_model(encoder: Encoder) -> None:
    texts = [f"thread safety of text {number}" for number in range(24)]
    expected = [encoder.encode([text])[0] for text in texts]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda text: encoder.encode([text])[0], texts))
    assert all(np.array_equal(a, b) for a, b in zip(expected, found, strict=True))


def test_many_texts_are_shared_by_threads_and_come_back_in_order(encoder: Encoder, model_home: Path) -> None:
    several = Encoder(prepare(model_home), packaged_path(TOKENIZER_FILE), threads=3)
    texts = [f"text {number} " + "of some length " * (number % 9) for number in range(60)]
    for one, other in zip(encoder.encode(texts), several.encode(texts), strict=True):
        assert np.array_equal(one, other)
