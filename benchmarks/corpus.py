"""Many rows with vectors like real ones, made of few texts that a hub really embedded.

Embedding a million texts takes hours. So the hub embeds some thousand sentences, and a row is two of them: its text is
both, and the vector of that text is taken to be the mean of both vectors, at length 1 (``likeness`` says how near that
comes: it embeds some such texts and compares). A row's stored vector is the mean of that one and of the one with a
third sentence before it, as the hub makes it for a message after others. Words are drawn from the vocabulary of the
bundled model, whose order is that of their frequency, by Zipf's law, within one of 800 topics a sentence.
"""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import psycopg
from pgvector import HalfVector
from pgvector.psycopg import register_vector

from benchmarks.hub import Hub
from memoryhub.search.embeddings.weights import TOKENIZER_FILE, packaged_path

Array = np.ndarray[Any, np.dtype[Any]]

SEEDS = "seeds"
FEWEST_SENTENCES, QUESTIONS, PAIRS = 3000, 200, 100
#: Rows in which one sentence stands, about: with more, rows are near copies of one another, as memories are not.
ROWS_OF_SENTENCE = 40
TOPICS, WORDS_OF_TOPIC = 800, 40
AT_A_TIME = 500
EMBEDDED_SECONDS = 600.0
COUNT = "SELECT count(*) FROM memory_context_vectors WHERE tenant_id = %s"
MODEL_OF = "SELECT model FROM memory_context_vectors WHERE tenant_id = %s LIMIT 1"
VECTORS_OF = """
SELECT e.key, v.embedding FROM memory_context_registry e JOIN memory_context_vectors v ON v.row_id = e.id
WHERE e.tenant_id = %s
"""


@dataclass(frozen=True)
class Corpus:
    """``vectors[n]`` belongs to ``sentences[n]``, ``asked[n]`` to ``questions[n]``; all of length 1."""

    model: str
    sentences: list[str]
    questions: list[str]
    vectors: Array
    asked: Array
    likeness: float

    def rows(self, count: int, seed: int) -> Iterator[tuple[str, Array]]:
        """Texts with the vectors that are stored for them."""
        chance = np.random.default_rng(seed)
        for start in range(0, count, AT_A_TIME):
            first, second, before = chance.integers(len(self.sentences), size=(3, min(AT_A_TIME, count - start)))
            own = unit(self.vectors[first] + self.vectors[second])
            both = (own + unit(2 * own + self.vectors[before])) / 2
            for a, b, vector in zip(first, second, both, strict=True):
                yield f"{self.sentences[a]}. {self.sentences[b]}.", vector


def unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


# -- texts --------------------------------------------------------------------------------------------


def vocabulary() -> list[str]:
    words = json.loads(packaged_path(TOKENIZER_FILE).read_text())["model"]["vocab"]
    return [word for word in words if word.isascii() and word.isalpha() and len(word) > 3]


def topics(seed: int) -> list[list[str]]:
    words, chance = vocabulary(), random.Random(seed)
    weights = [1 / (rank + 50) for rank in range(len(words))]
    return [sorted(set(chance.choices(words, weights, k=WORDS_OF_TOPIC))) for _ in range(TOPICS)]


def make_texts(count: int, seed: int = 1) -> tuple[list[str], list[str]]:
    """So many sentences, and a question about each of the first ones."""
    chance, about = random.Random(seed), topics(seed)
    drawn = [chance.sample(chance.choice(about), 7) for _ in range(count)]
    said = [f"The {w[0]} {w[1]} of the {w[2]} {w[3]} was {w[4]} with the {w[5]} {w[6]}" for w in drawn]
    return said, [f"which {w[1]} of the {w[3]} was it with the {w[5]}?" for w in drawn[:QUESTIONS]]


# -- embedding by the hub -----------------------------------------------------------------------------


def make(hub: Hub, owner: psycopg.Connection[Any], rows: int) -> Corpus:
    """Has the hub embed the texts for tenants of so many rows, as memories of a tenant of their own."""
    sentences, questions = make_texts(max(FEWEST_SENTENCES, rows // ROWS_OF_SENTENCE))
    pairs = [f"{sentences[2 * n]}. {sentences[2 * n + 1]}." for n in range(PAIRS)]
    texts = [*sentences, *questions, *pairs]
    store(hub, texts)
    wait_for_vectors(owner, len(texts))
    found = embedded(owner, len(texts))
    vectors, asked, together = np.split(found, [len(sentences), len(sentences) + QUESTIONS])
    guessed = unit(vectors[0 : 2 * PAIRS : 2] + vectors[1 : 2 * PAIRS : 2])
    likeness = float(np.mean(np.sum(guessed * together, axis=1)))
    row = owner.execute(MODEL_OF, [SEEDS]).fetchone()
    assert row is not None
    return Corpus(str(row[0]), sentences, questions, vectors, asked, likeness)


def store(hub: Hub, texts: Sequence[str]) -> None:
    key = hub.key(tenant=SEEDS, scopes="read,write")
    memories = [
        {"key": f"text-{number:06}", "value": text, "layer": "long_term", "scope": "tenant"}
        for number, text in enumerate(texts)
    ]
    for start in range(0, len(memories), AT_A_TIME):
        hub.call(key, "POST", "/memory/context/batch", {"entries": memories[start : start + AT_A_TIME]})


def wait_for_vectors(owner: psycopg.Connection[Any], count: int) -> None:
    deadline = time.monotonic() + EMBEDDED_SECONDS
    while owner.execute(COUNT, [SEEDS]).fetchone() != (count,):
        if time.monotonic() > deadline:
            raise RuntimeError(f"The relay did not embed the texts within {EMBEDDED_SECONDS:.0f} s.")
        time.sleep(0.2)


def embedded(owner: psycopg.Connection[Any], count: int) -> Array:
    register_vector(owner)
    found = {key: vector.to_numpy() for key, vector in owner.execute(VECTORS_OF, [SEEDS])}
    return unit(np.array([found[f"text-{number:06}"] for number in range(count)], dtype=np.float32))


# -- writing rows -------------------------------------------------------------------------------------

ROW = "id, kind, tenant_id, scope, tags, event_at, created_at, version, content"
ROW_TYPES = ["uuid", "text", "text", "text", "text[]", "timestamptz", "timestamptz", "int4", "text"]
VECTOR = "row_id, model, tenant_id, reach, version, embedding"
VECTOR_TYPES = ["uuid", "text", "text", "text", "int4", "halfvec"]


def load(owner: psycopg.Connection[Any], corpus: Corpus, sizes: dict[str, int], seed: int = 2) -> None:
    """Fills tenants with so many rows each, strewn among one another, straight into the index."""
    tenants = [tenant for tenant, count in sizes.items() for _ in range(count)]
    random.Random(seed).shuffle(tenants)
    made = corpus.rows(len(tenants), seed)
    for start in range(0, len(tenants), 20_000):
        some = [(uuid.uuid4(), tenant, *next(made)) for tenant in tenants[start : start + 20_000]]
        write(owner, some, corpus.model)
    for table in ("memory_search_index", "memory_context_vectors"):
        owner.execute(f"VACUUM ANALYZE {table}")


def write(owner: psycopg.Connection[Any], rows: Sequence[tuple[uuid.UUID, str, str, Array]], model: str) -> None:
    at = datetime.now(UTC)
    with owner.cursor() as cursor, cursor.copy(f"COPY memory_search_index ({ROW}) FROM STDIN BINARY") as copy:
        copy.set_types(ROW_TYPES)
        for id_, tenant, text, _ in rows:
            copy.write_row((id_, "entry", tenant, "tenant", [], at, at, 1, text))
    with owner.cursor() as cursor, cursor.copy(f"COPY memory_context_vectors ({VECTOR}) FROM STDIN BINARY") as copy:
        copy.set_types(VECTOR_TYPES)
        for id_, tenant, _, vector in rows:
            copy.write_row((id_, model, tenant, "t", 1, HalfVector(vector)))
