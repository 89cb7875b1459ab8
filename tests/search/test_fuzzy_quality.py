"""Among 2,000 memories the right one is found by misspelled words; and the word as it is written comes first."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from string import ascii_lowercase

import pytest

from memoryhub.access.principals import system_principal
from memoryhub.search.models import IndexRow
from memoryhub.search.ranking import Candidate
from memoryhub.search.requests import USUAL_KINDS, Filters
from memoryhub.search.services import vocabulary
from memoryhub.search.services.fuzzy import search_words
from tests.search.conftest import add, caller, index_row

pytestmark = pytest.mark.django_db

WORDS = (Path(__file__).parents[1] / "data" / "words.txt").read_text().split()
MEMORIES, QUERIES = 2000, 15
FLOOR = 0.9


def left_out(word: str, at: int, chance: random.Random) -> str:
    return word[:at] + word[at + 1 :]


def added(word: str, at: int, chance: random.Random) -> str:
    return word[:at] + chance.choice(ascii_lowercase) + word[at:]


def changed(word: str, at: int, chance: random.Random) -> str:
    return word[:at] + chance.choice(ascii_lowercase.replace(word[at], "")) + word[at + 1 :]


def swapped(word: str, at: int, chance: random.Random) -> str:
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


SLIPS: tuple[Callable[[str, int, random.Random], str], ...] = (left_out, added, changed, swapped)


def key_words(row: IndexRow) -> list[str]:
    return row.content.partition(" ")[0].replace(".", "_").split("_")


@pytest.fixture
def memories(tenant: str) -> list[IndexRow]:
    chance = random.Random(11)
    rows = []
    for number in range(MEMORIES):
        first, second, third, *others = chance.sample(WORDS, 8)
        rows.append(index_row(f"{first}_{second}.{third} {' '.join(others)} {number}"))
    add(rows, vectors=False)
    after, principal = vocabulary.BEFORE_ALL, system_principal("test", "acme")
    while (then := vocabulary.learn_lacking(principal=principal, after=after)) is not None:
        after = then
    return rows


def best(query: str, number: int) -> list[Candidate]:
    found = search_words(query=query, kinds=USUAL_KINDS, filters=Filters(), limit=10, principal=caller()).candidates
    return sorted(found, key=lambda row: (-(row.bm25 or 0.0), row.id))[:number]


def misses(memories: list[IndexRow]) -> list[tuple[str, str, str]]:
    chance = random.Random(12)
    missed = []
    for slip in SLIPS:
        for row in chance.sample(memories, QUERIES):
            query = "_".join(slip(word, chance.randrange(len(word) - 1), chance) for word in key_words(row))
            if row.id not in [found.id for found in best(query, 5)]:
                missed.append((slip.__name__, query, row.content))
    return missed


def words_that_do_not_come_first(memories: list[IndexRow]) -> list[str]:
    late = []
    for word in random.Random(13).sample(WORDS, QUERIES):
        holding = {row.id for row in memories if word in row.content.replace("_", " ").replace(".", " ").split()}
        if not {row.id for row in best(word, min(len(holding), 5))} <= holding:
            late.append(word)
    return late


def test_the_right_memory_is_found_by_a_misspelled_key_and_words_as_written_come_first(memories: list[IndexRow]):
    missed = misses(memories)

    assert len(missed) <= (1 - FLOOR) * len(SLIPS) * QUERIES, missed
    assert words_that_do_not_come_first(memories) == []
