"""The detection keeps its quality on the half of the labelled pairs that nothing was chosen by."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents_app.detection import weights
from agents_app.detection.features import NAMES
from benchmarks.detection import KINDS, floor, quality, verdicts
from benchmarks.detection_pairs import LABELS, pairs, remembering
from memoryhub.search.embeddings.local import open_encoder

PRECISION, RECALL = 0.9, 0.6


def test_the_set_is_large_and_its_halves_share_no_topic() -> None:
    development, held_out = pairs("development"), pairs("held_out")
    assert min(len(development), len(held_out)) >= 300
    topics = [{pair.topic for pair in half} for half in (development, held_out)]
    assert not topics[0] & topics[1]
    assert sum(map(len, topics)) >= 20
    for label in LABELS:
        assert sum(pair.label == label for pair in held_out) >= 80


def test_there_is_a_weight_for_each_feature() -> None:
    for table in (weights.WITH_VECTORS, weights.WORDS_ONLY):
        assert [len(column) for column in table] == [len(NAMES) + 1] * 2


@pytest.mark.parametrize("kind", KINDS)
def test_held_out_pairs_by_their_words_alone(kind: str) -> None:
    found = quality(pairs("held_out"), verdicts(None), kind)
    assert found.precision >= PRECISION
    assert found.recall >= RECALL


def test_held_out_pairs_with_the_bundled_model(tmp_path: Path) -> None:
    likeness = remembering(open_encoder(tmp_path, 1).encode)
    held_out = pairs("held_out")
    for kind in KINDS:
        found = quality(held_out, verdicts(likeness), kind)
        assert found.precision >= PRECISION
        assert found.recall >= RECALL
        assert found.precision > floor(held_out, kind, likeness).precision + 0.3
