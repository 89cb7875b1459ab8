from __future__ import annotations

import pytest

from memoryhub.search.recipe.question import read

PEOPLE = ["Marianne", "Otto", "Will"]
CHAT = ["assistant", "user"]


@pytest.mark.parametrize(
    ("query", "meaning", "words", "speakers"),
    [
        ("Where did Otto go?", "Where did I go?", "Where did go?", {"Otto"}),
        ("What is Marianne's dog called?", "What is my dog called?", "What is dog called?", {"Marianne"}),
        ("What is Marianne’s dog called?", "What is my dog called?", "What is dog called?", {"Marianne"}),
        ("What did Mari paint?", "What did I paint?", "What did paint?", {"Marianne"}),
        ("what did marianne paint?", "what did I paint?", "what did paint?", {"Marianne"}),
        ("Did Otto and Marianne meet?", "Did I and I meet?", "Did and meet?", {"Otto", "Marianne"}),
        ("Ottoman carpets", "Ottoman carpets", "Ottoman carpets", set()),
        ("when will it rain?", "when will it rain?", "when will it rain?", set()),
        ("When will Will come?", "When will I come?", "When will come?", {"Will"}),
        ("Who came?", "Who came?", "Who came?", set()),
    ],
)
def test_a_participant_that_the_query_names_speaks_in_the_first_person(
    query: str, meaning: str, words: str, speakers: set[str]
) -> None:
    question = read(query, PEOPLE, None)
    assert (question.meaning, question.words, question.speakers) == (meaning, words, frozenset(speakers))


def test_a_query_of_nothing_but_a_name_is_looked_up_as_it_stands() -> None:
    assert read("Otto?", PEOPLE, None).words == "Otto?"


def test_naming_everybody_asks_about_nobody_in_particular() -> None:
    assert read("Did Otto meet Marianne?", ["Marianne", "Otto"], None).speakers == frozenset()


def test_a_short_form_that_fits_two_names_is_neither() -> None:
    assert read("What did Mar say?", ["Marianne", "Martin"], None).speakers == frozenset()


def test_one_part_of_a_name_is_enough() -> None:
    question = read("What did Lindqvist order?", ["Ada Lindqvist", "Bo Chen"], None)
    assert question.speakers == {"Ada Lindqvist"}
    assert question.meaning == "What did I order?"


@pytest.mark.parametrize("query", ["What did I say about my boat?", "my boat", "which boat do i own?"])
def test_i_is_the_user(query: str) -> None:
    assert read(query, CHAT, None).speakers == {"user"}
    assert read(query, ["Ada", "Bo"], "ada").speakers == {"Ada"}
    assert read(query, ["Ada", "Bo"], None).speakers == frozenset()


def test_a_role_is_named_by_its_article() -> None:
    assert read("What did the assistant recommend?", CHAT, None).speakers == {"assistant"}
    assert read("user interface of the assistant editor", ["user", "editor"], None).speakers == frozenset()


def test_an_agent_called_like_a_thing_is_not_taken_for_a_name() -> None:
    question = read("support tickets of last week", ["support", "billing"], None)
    assert (question.words, question.speakers) == ("support tickets of last week", frozenset())
    assert read("Support tickets", ["support", "billing"], None).speakers == frozenset()
