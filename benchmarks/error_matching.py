"""``python -m benchmarks.error_matching``: how well signatures and matching tell known problems, on labelled errors.

Three parts with no source and no problem in common: rules were made on ``development``, weights on that and on
``calibration``; ``held_out`` is only measured. Floors beside: the raw text being equal, the masking of drain3 (if that
is installed), and the cosine of embeddings alone at its best threshold of the development part.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.detection_pairs import remembering
from benchmarks.error_texts import PARTS, Candidate, Labelled, Near, errors, kept, pairs, searches
from procedures_app.matching import Known, rank
from procedures_app.signatures import read

THRESHOLDS = (0.3, 0.5, 0.7, 0.9)
BINS = 10
#: a candidate with the confidence that it got
Judged = tuple[Candidate, float]


@dataclass(frozen=True)
class Quality:
    precision: float
    recall: float

    def __str__(self) -> str:
        return f"precision {self.precision:.3f}  recall {self.recall:.3f}"


def of_pairs(found: Sequence[Labelled], key: Callable[[Labelled], object]) -> Quality:
    """All pairs of texts: equal keys say the same problem."""
    keys = {id(one): key(one) for one in found}
    told = [(a.problem == b.problem, keys[id(a)] == keys[id(b)]) for a, b in pairs(found)]
    hits = sum(same and said for same, said in told)
    return Quality(hits / max(sum(said for _, said in told), 1), hits / sum(same for same, _ in told))


def of_problems(found: Sequence[Labelled], key: Callable[[Labelled], object]) -> float:
    """The mean over problems of the share of their pairs with equal keys: big problems count as small ones."""
    by_problem: dict[str, list[Labelled]] = {}
    for one in found:
        by_problem.setdefault(one.problem, []).append(one)
    several = [texts for texts in by_problem.values() if len(texts) > 1]
    return sum(of_pairs(texts, key).recall for texts in several) / len(several)


def judged(tried: Iterable[Sequence[Candidate]]) -> list[list[Judged]]:
    """Each search with the confidences of ``rank``, best first."""
    return [_judged(candidates) for candidates in tried if candidates]


def _judged(candidates: Sequence[Candidate]) -> list[Judged]:
    known = [Known(str(place), one.known.read, one.cosine) for place, one in enumerate(candidates)]
    return [(candidates[int(one.id)], one.confidence) for one in rank(candidates[0].asked.read, known)]


def of_threshold(found: Sequence[Sequence[Judged]], threshold: float) -> Quality:
    """Of the first of each search: right among those at or above; and of the texts with a known problem, how many."""
    best = [search[0] for search in found]
    told = [one for one, confidence in best if confidence >= threshold]
    hits = sum(one.weight for one in told if one.same)
    known = sum(search[0][0].weight for search in found if any(one.same for one, _ in search))
    return Quality(hits / max(sum(one.weight for one in told), 1e-9), hits / known)


def calibration_error(found: Iterable[Judged]) -> float:
    """Expected calibration error over ten bins of equal width (Naeini et al., 2015), weighted as the searches are."""
    bins: dict[int, list[tuple[float, float, bool]]] = {}
    for one, confidence in found:
        bins.setdefault(min(int(confidence * BINS), BINS - 1), []).append((one.weight, confidence, one.same))
    whole = sum(weight for rows in bins.values() for weight, _, _ in rows)
    gaps = (abs(sum(weight * (confidence - same) for weight, confidence, same in rows)) for rows in bins.values())
    return sum(gaps) / whole


def told(found: Iterable[Judged]) -> list[Judged]:
    """Without those that anybody would leave out: they make every calibration look good."""
    return [one for one in found if one[1] >= 1 / BINS]


def reliability(found: Iterable[Judged]) -> list[str]:
    rows: dict[int, list[tuple[float, float, bool]]] = {}
    for one, confidence in found:
        rows.setdefault(min(int(confidence * BINS), BINS - 1), []).append((one.weight, confidence, one.same))
    return [_bin(number, rows[number]) for number in sorted(rows)]


def _bin(number: int, rows: Sequence[tuple[float, float, bool]]) -> str:
    whole = sum(weight for weight, _, _ in rows)
    said = sum(weight * confidence for weight, confidence, _ in rows) / whole
    right = sum(weight for weight, _, same in rows if same) / whole
    return f"    {number / BINS:.1f}-{(number + 1) / BINS:.1f}: said {said:.2f}, right {right:.2f}, weight {whole:.1f}"


def best_cosine(tried: Sequence[Sequence[Candidate]]) -> float:
    """The threshold with the best F1 of the nearest candidate."""
    return max((step / 100 for step in range(30, 100)), key=lambda t: _harmonic(of_cosine(tried, t)))


def of_cosine(tried: Sequence[Sequence[Candidate]], threshold: float) -> Quality:
    nearest = [sorted(((one, one.cosine or 0.0) for one in search), key=lambda j: -j[1]) for search in tried]
    return of_threshold(nearest, threshold)


def _harmonic(found: Quality) -> float:
    return found.precision * found.recall / (found.precision + found.recall or 1)


def by_drain(found: Sequence[Labelled], seed: int, prepared: Callable[[Labelled], str]) -> dict[int, object] | None:
    """The cluster that drain3 puts each text in, with the texts arriving in some order. None without drain3."""
    try:
        from drain3 import TemplateMiner
        from drain3.template_miner_config import TemplateMinerConfig
    except ImportError:
        return None
    miner: Any = TemplateMiner(config=TemplateMinerConfig())
    arriving = random.Random(seed).sample(list(found), len(found))
    return {id(one): miner.add_log_message(prepared(one))["cluster_id"] for one in arriving}


def drain_rows(found: Sequence[Labelled]) -> list[str]:
    rows = []
    for name, prepared in (("its defaults", last_line), ("after our masking", lambda one: one.read.template)):
        runs = [by_drain(found, seed, prepared) for seed in range(3)]
        known = [clusters for clusters in runs if clusters is not None]
        rows += [f"drain3, {name}: {of_pairs(found, partial(in_cluster, clusters))}" for clusters in known]
        if len(known) > 1:
            rows.append(f"drain3, {name}: pairs that another order of arrival decides otherwise: {moved(found, known)}")
    return rows or ["drain3 is not installed (pip install drain3)"]


def in_cluster(clusters: dict[int, object], one: Labelled) -> object:
    return clusters[id(one)]


def last_line(one: Labelled) -> str:
    """The line that a person would look at: of a traceback the last one."""
    lines = [line for line in one.text.splitlines() if line.strip()]
    return lines[-1].strip() if "Traceback" in one.text else lines[0].strip()


def moved(found: Sequence[Labelled], runs: Sequence[dict[int, object]]) -> int:
    def together(clusters: dict[int, object]) -> set[tuple[int, int]]:
        return {(id(a), id(b)) for a, b in pairs(found) if clusters[id(a)] == clusters[id(b)]}

    first, *others = [together(clusters) for clusters in runs]
    return len(first.union(*others) - first.intersection(*others))


def speed(found: Sequence[Labelled]) -> str:
    began = time.perf_counter()
    for one in found:
        read(one.text)
    each = (time.perf_counter() - began) / len(found)
    longest = "".join(one.text for one in found)[:65_536]
    began = time.perf_counter()
    read(longest)
    return f"read: {each * 1e6:.0f} µs a text, {(time.perf_counter() - began) * 1e3:.0f} ms for 64 kB"


def open_near() -> Near | None:
    try:
        from memoryhub.search.embeddings.local import open_encoder

        home = Path(os.environ.get("MEMORYHUB_HOME") or tempfile.mkdtemp())
        return remembering(open_encoder(home, 1).encode)
    except Exception as error:  # noqa: BLE001 - without the model's packages the rest is measured all the same
        print(f"no embeddings: {error}")
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--without-model", action="store_true", help="words only")
    near = None if parser.parse_args().without_model else open_near()
    threshold = best_cosine(searches(errors("development"), near)) if near else None
    for part in PARTS:
        show(part, near, threshold)


def show(part: str, near: Near | None, threshold: float | None) -> None:
    found = errors(part)
    problems, sources = {one.problem for one in found}, {one.source for one in found}
    print(f"\n{part}: {len(found)} texts, {len(problems)} problems, {len(sources)} sources. {speed(found)}")
    print(f"  signature: {of_pairs(found, signature_of)}  recall by problem {of_problems(found, signature_of):.3f}")
    print(f"  floor, equal raw text: {of_pairs(found, lambda one: one.text)}")
    print(f"  floor, equal type: {of_pairs(found, lambda one: one.read.error_type or id(one))}")
    for row in drain_rows(found):
        print(f"  {row}")
    show_matching("by words", judged(searches(found)))
    if near and threshold is not None:
        tried = searches(found, near)
        show_matching("with cosine", judged(tried))
        print(f"  floor, cosine alone from {threshold:.2f}: {of_cosine(tried, threshold)}")


def show_matching(name: str, found: Sequence[Sequence[Judged]]) -> None:
    for threshold in THRESHOLDS:
        print(f"  matching {name}, the best from {threshold}: {of_threshold(found, threshold)}")
    every, best = [one for search in found for one in search], [search[0] for search in found]
    print(f"  calibration error: all candidates {calibration_error(every):.3f}, the best of each search", end=" ")
    print(f"{calibration_error(best):.3f}, of those said from 0.1 {calibration_error(told(best)):.3f}")
    print("\n".join(reliability(best)))


def signature_of(one: Labelled) -> str:
    return one.read.signature


__all__ = ["calibration_error", "judged", "kept", "of_pairs", "of_threshold", "signature_of"]

if __name__ == "__main__":
    main()
