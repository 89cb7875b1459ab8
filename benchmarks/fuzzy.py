"""``python -m benchmarks.fuzzy``: misspelled searches over HTTP, beside the same words spelled right."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import psycopg

from benchmarks import load
from benchmarks.hub import Hub, running_hub
from benchmarks.table import Row, markdown

SIZES = (1_000, 10_000)
#: A language of made-up words, a few frequent and most rare, as in any language (Zipf).
LANGUAGE, WORDS_A_MEMORY, A_SESSION = 12_000, 15, 100
STARTS = ["b", "ch", "d", "f", "g", "gr", "h", "j", "k", "l", "m", "n", "p", "pr", "r", "s", "st", "t", "tr", "v", "w"]
MIDDLES = ["a", "e", "i", "o", "u", "ea", "ai"]
ENDS = ["n", "r", "s", "l", "t", "m"]
QUERIES, ASKED, TOP = 300, 3, 5
READY_SECONDS = 600.0
UNREAD = """SELECT count(*) FROM memory_search_index i
WHERE tenant_id = %s AND NOT EXISTS (SELECT FROM memory_search_vocabulary_read r WHERE r.row_id = i.id)"""

Said = list[str]


def language(chance: random.Random) -> list[str]:
    words: dict[str, None] = {}
    while len(words) < LANGUAGE:
        syllables = ("".join(map(chance.choice, (STARTS, MIDDLES))) for _ in range(chance.randint(2, 4)))
        words["".join(syllables) + chance.choice(ENDS)] = None
    return list(words)


def memories(count: int) -> list[Said]:
    chance = random.Random(21)
    words = language(chance)
    weights = [1 / rank for rank in range(1, LANGUAGE + 1)]
    return [chance.choices(words, weights, k=WORDS_A_MEMORY) for _ in range(count)]


def misspelled(chance: random.Random, word: str) -> str:
    at = chance.randrange(len(word) - 1)
    letter = chance.choice("abcdefghijklmnopqrstuvwxyz")
    return chance.choice(
        [
            word[:at] + word[at + 1 :],
            word[:at] + letter + word[at:],
            word[:at] + letter + word[at + 1 :],
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        ]
    )


def questions(said: Sequence[Said]) -> Iterator[tuple[list[str], str]]:
    """Words of a memory to ask for, and its whole text."""
    chance = random.Random(22)
    while True:
        memory = chance.choice(said)
        yield chance.sample(sorted(set(memory)), ASKED), " ".join(memory)


def fill(hub: Hub, key: str, tenant: str, said: Sequence[Said]) -> None:
    for first in range(0, len(said), A_SESSION):
        session = f"s-{first}"
        hub.call(key, "POST", "/memory/session/start", {"session_id": session})
        messages = [{"role": "user", "content": " ".join(words)} for words in said[first : first + A_SESSION]]
        hub.call(key, "POST", "/memory/session/messages", {"session_id": session, "messages": messages})
    with psycopg.connect(hub.database_url("owner"), autocommit=True) as owner:
        deadline = time.monotonic() + READY_SECONDS
        while owner.execute(UNREAD, [tenant]).fetchone() != (0,):
            if time.monotonic() > deadline:
                raise RuntimeError(f"The relay did not read the words within {READY_SECONDS:.0f} s.")
            time.sleep(0.2)
        owner.execute("VACUUM ANALYZE")


def search_row(hub: Hub, key: str, said: Sequence[Said], mode: str, spell: Callable[[str], str]) -> Row:
    asked = questions(said)

    def make(client: int, n: int) -> bytes:
        words, _ = next(asked)
        return load.request_bytes("/memory/context/search", key, {"query": " ".join(map(spell, words)), "mode": mode})

    load.run(hub.port, make, clients=1, seconds=2)
    result = load.run(hub.port, make, clients=1)
    found = share_found(hub, key, questions(said), mode, spell)
    note = f"p99 {result.percentile(0.99):.1f} ms; the right one among the first {TOP}: {found:.1%}"
    what = f"{mode} search, {ASKED} words{' with a slip each' if mode == 'fuzzy' else ''}, {len(said):,} memories"
    return Row(
        what, result.percentile(0.5), "ms p50", note=note + (f", {result.failed} FAILED" if result.failed else "")
    )


def share_found(
    hub: Hub, key: str, asked: Iterator[tuple[list[str], str]], mode: str, spell: Callable[[str], str]
) -> float:
    found = 0
    for _ in range(QUERIES):
        words, text = next(asked)
        body = {"query": " ".join(map(spell, words)), "mode": mode, "limit": TOP}
        results = hub.call(key, "POST", "/memory/context/search", body)["results"]
        found += text in [result["content"] for result in results]
    return found / QUERIES


def rows(hub: Hub) -> Iterator[Row]:
    for size in SIZES:
        tenant, said = f"fuzzy-{size}", memories(size)
        key = hub.key(tenant=tenant, scopes="read,write")
        fill(hub, key, tenant, said)
        chance = random.Random(23)
        yield search_row(hub, key, said, "keyword", str)
        yield search_row(hub, key, said, "fuzzy", partial(misspelled, chance))


def main() -> None:
    settings = {"MEMORYHUB_RATES__PER_KEY_PER_MINUTE": "0", "MEMORYHUB_SEARCH__EMBEDDER": "off"}
    with running_hub(**settings) as hub:
        print(markdown(list(rows(hub))))


if __name__ == "__main__":
    main()
