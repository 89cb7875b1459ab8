"""What each term of the ranking is good for: the same questions with its weight at zero."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.hub import Hub
from benchmarks.retrieval import measuring
from benchmarks.retrieval.dataset import DataSet
from benchmarks.retrieval.measuring import Measured
from benchmarks.retrieval.through_hub import Memory

MODEL_SECONDS = 120
IN_A_ROW = 20
#: The name in the table, and the settings that are without it.
WITHOUT = {
    "without vectors": {"DENSE_WEIGHT": "0"},
    "without words": {"DENSE_WEIGHT": "1"},
    "vectors .6, words .4": {"DENSE_WEIGHT": "0.6"},
    "BM25 of the textbook (k1 1.2, b .75)": {"BM25_K1": "1.2", "BM25_B": "0.75"},
    "without author": {"AUTHOR_WEIGHT": "0"},
    "without date": {"DATE_WEIGHT": "0"},
    "without time": {"TIME_WEIGHT": "0"},
    "without question and address": {"QUESTION_PENALTY": "0", "ADDRESS_PENALTY": "0"},
    "without neighbors": {"NEIGHBOR_WEIGHT": "0"},
    "without session": {"SESSION_WEIGHT": "0"},
}


def measured(hub: Hub, memory: Memory, data: DataSet, say: Callable[[str], Any]) -> Iterator[tuple[str, Measured]]:
    """Each of them, by a hub that is started anew on the same memories."""
    usual = dict(hub.environment)
    for name, settings in WITHOUT.items():
        say(f"  {name}")
        restart(hub, memory, data, usual | {f"MEMORYHUB_RANKING__{key}": value for key, value in settings.items()})
        yield name, measuring.hub(memory, data, "hybrid")
    restart(hub, memory, data, usual)


def restart(hub: Hub, memory: Memory, data: DataSet, environment: dict[str, str]) -> None:
    hub.stop()
    hub.environment = environment
    hub.start()
    wait_for_model(memory, data)


def wait_for_model(memory: Memory, data: DataSet) -> None:
    """Until many searches in a row had vectors: each web process loads its own view of the model."""
    user, question = next(data.questions())
    deadline, row = time.monotonic() + MODEL_SECONDS, 0
    while row < IN_A_ROW:
        try:
            memory.ask(user, question, "hybrid")
            row += 1
        except RuntimeError:
            if time.monotonic() > deadline:
                raise
            row = 0
            time.sleep(0.2)
