"""``python -m benchmarks.retrieval --data FILE …``: imports the sets into a hub of its own and asks their questions.

Prints recall, NDCG and MRR of the hub beside BM25, vectors, their naive fusion and the published recipe, with
paired 95 % intervals. A set is a JSON file, gzipped or not: ``users[]`` with ``items[]`` (id, text, speaker,
session, time, seq) and ``questions[]`` (id, question, category, evidence).
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.hub import ROOT, Hub, running_hub
from benchmarks.retrieval import ablation, measuring, report
from benchmarks.retrieval.baselines import METHODS
from benchmarks.retrieval.dataset import DataSet, load
from benchmarks.retrieval.measuring import Measured
from benchmarks.retrieval.through_hub import Memory, wait_until_indexed
from benchmarks.retrieval.words import Stemmer
from memoryhub.search.embeddings.local import LocalEmbedder
from memoryhub_client.transport import Transport

OWN_SETS = sorted((ROOT / "tests/data/conversations").glob("*.json"))
MODES = ("hybrid", "keyword", "semantic")
RATES = [("RATES__PER_KEY_PER_MINUTE", "0")]
MODEL_SECONDS = 120
CALL_SECONDS = 120


def main() -> None:
    options = arguments()
    results: dict[str, Any] = {}
    with running_hub(**{f"MEMORYHUB_{name}": value for name, value in [*RATES, *options.set]}) as hub:
        hub.manage("prepare_model")
        for data in [load(path) for path in options.data]:
            results[data.name] = run(hub, data, options)
    if options.out:
        options.out.write_text(json.dumps(results))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, nargs="+", default=OWN_SETS, help="sets; the project's own if left out")
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES), help="the first is compared")
    parser.add_argument(
        "--baselines", nargs="*", choices=list(METHODS), default=list(METHODS), help="none: only the hub"
    )
    parser.add_argument("--out", type=Path, help="write every question's row as JSON")
    parser.add_argument("--against", type=Path, help="an earlier --out: print paired differences to it")
    parser.add_argument(
        "--set",
        type=setting,
        action="append",
        default=[],
        metavar="SECTION__KEY=VALUE",
        help="a setting of the hub, such as RANKING__AUTHOR_WEIGHT=0.3; repeatable",
    )
    parser.add_argument("--ablate", action="store_true", help="also without each term of the ranking")
    parser.add_argument("--explain-misses", type=int, default=0, metavar="N", help="show the N worst questions")
    return parser.parse_args()


def setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"'{text}' is not SECTION__KEY=VALUE")
    return name.upper(), value


def run(hub: Hub, data: DataSet, options: argparse.Namespace) -> dict[str, Any]:
    """Measures and prints one set; what ``--out`` keeps of it."""
    memory = imported(hub, data)
    measured = {f"hub, {mode}": measuring.hub(memory, data, mode) for mode in options.modes}
    first = next(iter(measured))
    measured |= beside(hub, data, options.baselines)
    show(f"\n## {data.name}\n", *report.table(measured))
    others = {name: one.rows for name, one in measured.items() if name != first}
    show("", *report.differences(measured[first], others, f"{first}, minus"))
    show(*(f"UNSTEADY, {name}: {', '.join(one.unsteady)}" for name, one in measured.items() if one.unsteady))
    if options.ablate:
        without = {name: one.rows for name, one in ablation.measured(hub, memory, data, progress)}
        show("", *report.differences(measured[first], without, f"{first}, minus"))
    if options.against:
        show("", *report.differences(measured[first], earlier(options.against, data.name), f"{first}, minus earlier"))
    show(*report.misses(memory, data, measured[first], options.modes[0], options.explain_misses))
    return report.document(measured)


def imported(hub: Hub, data: DataSet) -> Memory:
    begin = time.perf_counter()
    tenant = re.sub(r"[^a-z0-9]+", "-", data.name.lower()).strip("-")[:40]
    key = hub.key(tenant=tenant, scopes="read,write")
    memory = Memory(Transport(hub.url, key, timeout=CALL_SECONDS).call_now)
    count = memory.add(data)
    wait_until_indexed(hub, key, tenant, count)
    seconds = time.perf_counter() - begin
    progress(f"{data.name}: {count} messages imported and indexed in {seconds:.1f} s ({count / seconds:.0f}/s)")
    return memory


def beside(hub: Hub, data: DataSet, names: list[str]) -> dict[str, Measured]:
    """The baselines, with the hub's own model (the file that it prepared) and its database's stems."""
    if not names:
        return {}
    embedder = LocalEmbedder(hub.home)
    if not embedder.warm(MODEL_SECONDS):
        raise SystemExit(f"The baselines need the embedding model. {embedder.problem or ''}")
    with psycopg.connect(hub.database_url("owner"), autocommit=True) as connection:
        return measuring.baselines(data, embedder, Stemmer(connection), progress, names)


def earlier(path: Path, name: str) -> dict[str, Any]:
    """Every method's rows of the set in an earlier run; empty where it was not measured."""
    return {method: one["rows"] for method, one in json.loads(path.read_text()).get(name, {}).items()}


def show(*lines: str) -> None:
    for line in lines:
        print(line, flush=True)


def progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
