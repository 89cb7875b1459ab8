"""What signatures and matching reach on errors of systems that no rule and no weight was made from.

By words only, as without an embedding model; ``python -m benchmarks.error_matching`` measures with one too. The bounds
are a little below what was measured, so that nothing gets worse unseen; they are not what one would wish for.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from benchmarks.error_matching import Judged, calibration_error, judged, of_pairs, of_threshold, signature_of
from benchmarks.error_texts import HALVES, errors, searches


@pytest.fixture(scope="module")
def found() -> Sequence[Sequence[Judged]]:
    return judged(searches(errors("held_out")))


def test_no_source_and_no_problem_is_in_both_halves():
    development, held_out = map(errors, HALVES)
    assert not {one.source for one in development} & {one.source for one in held_out}
    assert not {one.problem for one in development} & {one.problem for one in held_out}
    assert len(development) + len(held_out) >= 800
    assert len({one.text for one in (*development, *held_out)}) == len(development) + len(held_out)


@pytest.mark.parametrize(("half", "precision", "recall"), [("development", 0.95, 0.84), ("held_out", 0.7, 0.42)])
def test_one_signature_is_one_problem(half: str, precision: float, recall: float):
    quality = of_pairs(errors(half), signature_of)
    assert quality.precision >= precision
    assert quality.recall >= recall


def test_the_best_known_problem_is_right_when_it_is_said_to_be(found):
    quality = of_threshold(found, 0.7)
    assert quality.precision >= 0.62
    assert quality.recall >= 0.56


def test_confidences_are_what_they_say(found):
    # of programs that no rule knows the surest ones are said too surely: docs/error-matching.md
    assert calibration_error(search[0] for search in found) <= 0.13
    assert calibration_error(one for search in found for one in search) <= 0.03
