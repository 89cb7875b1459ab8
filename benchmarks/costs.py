"""What requests cost in processor time: of Python, and of the database process that serves them.

Measured in one process against a hub's database, one request of each kind in turns, so that whatever else the machine
does falls on all kinds alike. The median counts; the floor is a plain store in the same turns.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.hub import ROOT, Hub
from benchmarks.table import Row, markdown

STORE = "plain store"
WARMING = 15
Request = Callable[[int], Any]


@dataclass(frozen=True)
class Cost:
    """Milliseconds of processor time, and statements sent, of one request."""

    python: float
    database: float
    statements: float

    @property
    def both(self) -> float:
        return self.python + self.database


class Caller:
    """Requests in this process, once Django is set up."""

    def __init__(self, key: str) -> None:
        from django.test import Client

        self.browser = Client(headers={"Authorization": f"Bearer {key}"})

    def post(self, path: str, body: Any) -> dict[str, Any]:
        answer = self.browser.post(path, json.dumps(body), content_type="application/json")
        assert answer.status_code < 300, (path, answer.status_code, answer.content)
        return dict(answer.json())

    def get(self, path: str) -> dict[str, Any]:
        answer = self.browser.get(path)
        assert answer.status_code < 300, (path, answer.status_code, answer.content)
        return dict(answer.json())


def set_up() -> list[str]:
    """Django, as a hub's own process has it; gives the list that every statement is added to."""
    import django
    import psycopg

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "memoryhub.settings")
    django.setup()
    from memoryhub.search import embeddings

    embeddings.warm(wait_seconds=60)
    sent: list[str] = []
    execute: Any = psycopg.Cursor.execute

    def counted(self: Any, query: Any, *given: Any, **options: Any) -> Any:
        sent.append(str(query))
        return execute(self, query, *given, **options)

    psycopg.Cursor.execute = counted  # type: ignore[method-assign]
    return sent


def measured(kinds: Mapping[str, Request], turns: int, sent: list[str]) -> dict[str, Cost]:
    """``kinds`` in their order, in each turn: one may go on from what the one before it left."""
    found: dict[str, list[Cost]] = {name: [] for name in kinds}
    for turn in range(WARMING + turns):
        for name, request in kinds.items():
            sent.clear()
            begin, database = time.thread_time(), database_time()
            request(turn)
            python, database = time.thread_time() - begin, database_time() - database
            if turn >= WARMING:
                found[name].append(Cost(python * 1e3, database * 1e3, len(sent)))
    return {
        name: Cost(*(statistics.median(getattr(cost, part) for cost in costs) for part in asdict(costs[0])))
        for name, costs in found.items()
    }


def database_time() -> float:
    """Seconds of processor time that the database process of this connection has used."""
    from django.db import connection

    if connection.connection is None:
        return 0.0
    used = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat").read_text(encoding="ascii")
    return int(used.split()[0]) / 1e9


def rows(costs: Mapping[str, Cost], floor: str = STORE) -> list[Row]:
    least = costs[floor]
    return [
        Row(
            name,
            cost.both,
            "ms",
            least.both,
            floor,
            note=f"Python {cost.python:.1f}, database {cost.database:.1f}, {cost.statements:.0f} statements",
        )
        for name, cost in costs.items()
    ]


def of_module(module: str, hub: Hub, key: str, turns: int) -> list[Row]:
    """What ``python -m <module> --costs <key>`` prints in the hub's environment, as rows."""
    command = [sys.executable, "-m", module, "--costs", key, "--turns", str(turns)]
    printed = subprocess.check_output(command, cwd=ROOT, env=hub.environment, text=True)
    told = json.loads(printed.strip().splitlines()[-1])
    return rows({name: Cost(**cost) for name, cost in told.items()})


def tell(costs: Mapping[str, Cost]) -> None:
    print(json.dumps({name: asdict(cost) for name, cost in costs.items()}))


def show(conditions: str, over_http: list[Row], cpu: list[Row]) -> None:
    """Both tables: what callers wait for, and what it costs, which a busy machine changes less."""
    print(f"\nOver HTTP, {conditions}:\n\n{markdown(over_http)}")
    print(f"\nProcessor time of a request:\n\n{markdown(cpu)}")
