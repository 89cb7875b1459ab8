"""What signatures and matching reach on errors of systems that no rule and no weight was made from.

By words only, as without an embedding model; ``python -m benchmarks.error_matching`` measures with one too. The bounds
are a little below what was measured, so that nothing gets worse unseen; they are not what one would wish for.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import pytest

from benchmarks.error_matching import Judged, calibration_error, judged, of_pairs, of_threshold, signature_of
from benchmarks.error_texts import PARTS, errors, searches


@pytest.fixture(scope="module")
def found() -> Sequence[Sequence[Judged]]:
    return judged(searches(errors("held_out")))


def test_no_source_and_no_problem_is_in_two_parts():
    parts = [errors(part) for part in PARTS]
    for one, other in combinations(parts, 2):
        assert not {text.source for text in one} & {text.source for text in other}
        assert not {text.problem for text in one} & {text.problem for text in other}
    texts = [text.text for part in parts for text in part]
    assert len(texts) == len(set(texts)) >= 1_200


@pytest.mark.parametrize(
    ("part", "precision", "recall"),
    [("development", 0.95, 0.84), ("calibration", 0.78, 0.6), ("held_out", 0.74, 0.42)],
)
def test_one_signature_is_one_problem(part: str, precision: float, recall: float):
    quality = of_pairs(errors(part), signature_of)
    assert quality.precision >= precision
    assert quality.recall >= recall


def test_the_best_known_problem_is_right_when_it_is_said_to_be(found):
    quality = of_threshold(found, 0.7)
    assert quality.precision >= 0.58
    assert quality.recall >= 0.53


def test_confidences_are_what_they_say(found):
    # of programs that no rule knows the surest ones are said too surely: docs/error-matching.md
    assert calibration_error(search[0] for search in found) <= 0.12
    assert calibration_error(one for search in found for one in search) <= 0.03
