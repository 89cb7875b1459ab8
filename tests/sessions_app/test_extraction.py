"""The sentences that say most: central ones, the same ones every time, however odd the text."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sessions_app.extraction import MOST_SENTENCES, MOST_SHOWN, key_sentences
from sessions_app.summaries import counts

TALK = [
    ("Ann", "Hello there! How are you?"),
    ("Ben", "The kiln for the pottery studio arrived this morning. It rained a lot on Tuesday."),
    ("Ann", "The pottery studio needs the kiln before the opening. My bicycle has a flat tire again."),
    ("Ben", "So the kiln stands in the pottery studio until the opening."),
]


def test_what_the_talk_is_about_comes_first():
    assert key_sentences(TALK, 3) == [
        "Ben: The kiln for the pottery studio arrived this morning.",
        "Ann: The pottery studio needs the kiln before the opening.",
        "Ben: So the kiln stands in the pottery studio until the opening.",
    ]


def test_greetings_and_questions_only_count_where_there_is_nothing_else():
    assert key_sentences([("Ann", "Hi! Tea?"), ("Ben", "Yes.")], 5) == ["Ann: Hi!", "Ann: Tea?", "Ben: Yes."]
    assert key_sentences([], 3) == []
    assert key_sentences([("Ann", "  \n ")], 3) == []


def test_long_sentences_are_cut_where_they_are_shown():
    [shown] = key_sentences([("Ann", "word " * 500)], 1)
    assert len(shown) <= MOST_SHOWN + len("Ann: ")
    assert shown.endswith("…")


def test_only_the_end_of_a_long_talk_is_read():
    said = [("Ann", f"The number of this sentence here is {number}.") for number in range(MOST_SENTENCES * 2)]
    for sentence in key_sentences(said, 5):
        assert int(sentence.rstrip(".").rsplit(" ", 1)[1]) >= MOST_SENTENCES


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.just("x"), st.text(max_size=200)), max_size=12), st.integers(1, 5))
def test_any_text_gives_the_same_sentences_again(turns: list[tuple[str, str]], count: int):
    found = key_sentences(turns, count)
    assert found == key_sentences(turns, count)
    assert len(found) <= count
    joined = "\n".join(text for _, text in turns)
    assert all(sentence.removeprefix("x: ") in joined for sentence in found)


def test_counts_name_who_spoke():
    assert counts({}) == "0 messages (0 from user, 0 from assistant)"
    assert counts({"user": 8, "assistant": 7}) == "15 messages (8 from user, 7 from assistant)"
    assert counts({"user": 1, "tool": 2}) == "3 messages (1 from user, 0 from assistant, 2 from tool)"
