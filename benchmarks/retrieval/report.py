"""What the run prints: tables of figures, paired differences, and the questions that fared worst."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.retrieval.dataset import DataSet, Item, Question, User
from benchmarks.retrieval.measuring import Measured
from benchmarks.retrieval.scores import METRICS, Row, groups, means, paired
from benchmarks.retrieval.through_hub import Memory

SHOWN_HITS = 5
SHOWN_WORDS = 40


def table(measured: Mapping[str, Measured]) -> Iterator[str]:
    """A markdown table: a line a method for all questions, then for each group of them."""
    yield "| questions | method | n | " + " | ".join(METRICS) + " | ms p50 / p95 |"
    yield "|---" * (len(METRICS) + 4) + "|"
    by_method = {name: groups(one.rows) for name, one in measured.items()}
    for group in next(iter(by_method.values())):
        for name, found in by_method.items():
            times = "{:.1f} / {:.1f}".format(*measured[name].percentiles()) if group == "all" else ""
            yield line(group, name, found[group], times)


def line(group: str, name: str, rows: Sequence[Row], times: str) -> str:
    figures = " | ".join(f"{value:.1f}" for value in means(rows).values())
    return f"| {group} | {name} | {len(rows)} | {figures} | {times} |"


def differences(ours: Measured, others: Mapping[str, Sequence[Row]], title: str) -> Iterator[str]:
    """A markdown table of ours minus each other, in points with 95 % intervals."""
    yield f"| {title} | " + " | ".join(METRICS) + " |"
    yield "|---" * (len(METRICS) + 1) + "|"
    for name, rows in others.items():
        compared = paired(ours.rows, rows).values()
        cells = [f"{one['mean']:+.1f} [{one['low']:+.1f}, {one['high']:+.1f}]" for one in compared]
        yield f"| {name} | " + " | ".join(cells or ["no question in both"]) + " |"


def document(measured: Mapping[str, Measured]) -> dict[str, Any]:
    """What ``--out`` keeps of one set, and ``--against`` reads: every question's row by method."""
    return {
        name: {
            "figures": {group: means(rows) for group, rows in groups(one.rows).items()},
            "milliseconds": dict(zip(("p50", "p95"), one.percentiles(), strict=True)),
            "rows": one.rows,
        }
        for name, one in measured.items()
    }


def misses(memory: Memory, data: DataSet, measured: Measured, mode: str, worst: int) -> Iterator[str]:
    """The ``worst`` questions by NDCG@10: the evidence with its rank, and the first results with their parts."""
    pairs = sorted(zip(data.questions(), measured.rows, strict=True), key=lambda pair: pair[1]["scores"]["N@10"])
    for (user, question), row in pairs[:worst]:
        yield from one_miss(memory, user, question, row, mode)


def one_miss(memory: Memory, user: User, question: Question, row: Row, mode: str) -> Iterator[str]:
    answer = memory.ask(user, question, mode, explain=True)
    explained = dict(zip(answer.found, answer.results, strict=True))
    items = {item.id: item for item in user.items}
    yield f"\n{question.id} [{question.category}] {question.text}   N@10 {100 * row['scores']['N@10']:.0f}"
    for id_ in sorted(question.evidence):
        rank = answer.found.index(id_) + 1 if id_ in answer.found else None
        yield f"  wanted, rank {rank or 'beyond ' + str(len(answer.found))}: {said(items[id_])}"
        yield from parts(explained.get(id_))
    for rank, id_ in enumerate(answer.found[:SHOWN_HITS], 1):
        yield f"  found {rank}: {said(items[id_])}"
        yield from parts(explained[id_])


def said(item: Item) -> str:
    words = item.text.split()
    text = " ".join(words[:SHOWN_WORDS]) + (" …" if len(words) > SHOWN_WORDS else "")
    return f"{item.id} {item.time:%Y-%m-%d} {item.speaker}: {text}"


def parts(result: Mapping[str, Any] | None) -> Iterator[str]:
    if result and result.get("explain"):
        explain = result["explain"]
        figures = {name: value for name, value in explain["parts"].items() if value}
        terms = ", ".join(str(term["term"]) for term in explain.get("terms", ()))
        shown = " ".join(f"{name} {value:+.3f}" for name, value in figures.items() if isinstance(value, int | float))
        yield f"      {result['score']:.3f} = {shown}" + (f"   words: {terms}" if terms else "")
