"""The figures of the retrieval evaluation: metrics by hand, intervals, dates that questions name."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError
from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from benchmarks.retrieval.__main__ import setting
from benchmarks.retrieval.bm25 import Bm25
from benchmarks.retrieval.corpus import passages_of, with_context
from benchmarks.retrieval.dataset import load
from benchmarks.retrieval.reference import as_self, closeness, dates_in
from benchmarks.retrieval.scores import Row, groups, paired, score


def test_a_ranked_list_is_scored_as_by_hand() -> None:
    scores = score(["x", "a", "y", "z", "w", "b"], {"a", "b"})
    assert (scores["R@5"], scores["R@10"], scores["MRR"]) == (0.5, 1.0, 0.5)
    assert scores["N@10"] == pytest.approx((0.63093 + 0.35621) / (1 + 0.63093), abs=1e-4)
    assert score(["x"], {"a"})["N@10"] == score([], {"a"})["MRR"] == 0.0


def row(id_: str, value: float, category: str = "fact") -> Row:
    return {"id": id_, "category": category, "scores": dict.fromkeys(score([], "a"), value), "found": []}


def test_methods_are_compared_question_by_question() -> None:
    ours = [row(str(n), 0.5 + 0.5 * (n % 2)) for n in range(40)]
    theirs = [row(str(n), 0.5) for n in reversed(range(41))]
    difference = paired(ours, theirs)["R@10"]
    assert difference["mean"] == pytest.approx(25)
    assert 10 < difference["low"] < 25 < difference["high"] < 40
    assert paired(ours, ours)["MRR"] == {"mean": 0, "low": 0, "high": 0}
    assert paired(ours, []) == {}


def test_questions_of_what_was_not_said_are_also_left_out() -> None:
    assert set(groups([row("1", 1), row("2", 0, "adversarial")])) == {
        "all",
        "without adversarial",
        "fact",
        "adversarial",
    }
    assert set(groups([row("1", 1)])) == {"all", "fact"}


def test_bm25_prefers_rare_words_and_short_texts() -> None:
    index = Bm25([Counter(tea=1, cup=1), Counter(tea=1), Counter(tea=1, cup=1, long=4), Counter(rain=1)])
    scores = index.scores(["cup", "tea"])
    assert scores[0] > scores[2] > scores[1] > scores[3] == 0
    assert index.scores(["unknown"]).sum() == 0


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("What happened on 3 June 2024?", [(2024, 6, 3)]),
        ("on the 21st of Oct", [(None, 10, 21)]),
        ("before March 2, 2023 or in May 2023", [(2023, 3, 2), (2023, 5, None)]),
        ("May I march there?", []),
    ],
)
def test_dates_written_in_a_question(query: str, found: Sequence[tuple[int | None, int, int | None]]) -> None:
    assert list(dates_in(query)) == found


def test_a_turn_is_near_a_day_for_a_week() -> None:
    assert closeness(date(2024, 6, 3), 2024, 6, 3) == 1
    assert 0 < closeness(date(2024, 6, 9), None, 6, 3) < closeness(date(2024, 6, 5), None, 6, 3) < 1
    assert closeness(date(2024, 6, 2), 2024, 6, 3) == closeness(date(2024, 6, 3), 2024, 2, 31) == 0
    assert closeness(date(2024, 6, 28), 2024, 6, None) == 1


def test_names_become_the_speakers_own_words() -> None:
    assert as_self("Where did Ada's brother meet Ada?", ["Ada"]) == "Where did my brother meet I?"


def test_a_set_is_read_in_order_without_unanswerable_questions(tmp_path: Path) -> None:
    items = [
        {"id": "b", "text": "two", "speaker": "P", "session": 1, "time": "2024-01-01T10:00:00", "seq": 2},
        {"id": "a", "text": "one", "speaker": "Q", "session": 1, "time": "2024-01-01T10:00:00", "seq": 1},
    ]
    questions = [
        {"id": "q1", "question": "?", "category": "c", "evidence": ["a"]},
        {"id": "q2", "question": "?", "category": "c", "evidence": []},
    ]
    path = tmp_path / "set.json"
    path.write_text(json.dumps({"name": "small", "users": [{"user": "u", "items": items, "questions": questions}]}))
    (user,) = load(path).users
    assert [item.id for item in user.items] == ["a", "b"]
    assert [question.id for question in user.questions] == ["q1"]
    assert list(with_context(user)) == ["one", "one two"]


def test_long_texts_have_several_passages() -> None:
    assert [len(part.split()) for part in passages_of("word " * 230)] == [110, 110, 10]
    assert passages_of("") == [""]


def test_settings_of_the_measured_hub_are_named_as_in_the_environment() -> None:
    assert setting("ranking__author_weight=0.3") == ("RANKING__AUTHOR_WEIGHT", "0.3")
    with pytest.raises(ArgumentTypeError, match="is not SECTION__KEY=VALUE"):
        setting("author")
