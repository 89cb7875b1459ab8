"""A process that is killed wherever it stands: the file is whole, nothing is lost and nothing is done twice."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from memoryhub_client import MemoryClient, Replica
from tests.memoryhub_client.fake_hub import FakeHub
from tests.memoryhub_client.http_hub import served

ROOT = Path(__file__).resolve().parents[2]


def run_and_kill(path: Path, url: str, seed: int, after_seconds: float, *, acknowledged: int = 0) -> dict[str, int]:
    """The last acknowledged number by key. Its time begins when so many edits were ``acknowledged``."""
    module = "tests.memoryhub_client.replica_process"
    process = subprocess.Popen(
        [sys.executable, "-m", module, str(path), url, str(seed)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    with process.stdout as output:
        assert output.readline() == "ready\n"
        lines = [output.readline().split() for _ in range(acknowledged)]
        killer = threading.Timer(after_seconds, process.send_signal, [signal.SIGKILL])
        killer.start()
        lines += [line.split() for line in output]
        killer.join()
    assert process.wait() == -signal.SIGKILL
    return {words[0]: int(words[1]) for words in lines if len(words) == 2}


def check_whole(path: Path) -> None:
    db = sqlite3.connect(path)
    try:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        db.execute("INSERT INTO words (words) VALUES ('integrity-check')")
        (shown, words) = db.execute("SELECT (SELECT count(*) FROM shown), (SELECT count(*) FROM words)").fetchone()
        assert shown == words
    finally:
        db.close()


def drill(tmp_path: Path, kills: int) -> None:
    hub, draw = FakeHub(), random.Random(4)
    path = tmp_path / "ada.db"
    with served(hub) as url:
        for seed in range(1, kills + 1):
            acknowledged = run_and_kill(path, url, seed, draw.uniform(0.005, 0.25))
            check_whole(path)
            with Replica(path, MemoryClient(url, "none"), agent_id="ada") as replica:
                for key, number in acknowledged.items():
                    found = replica.get(key)
                    # the edit after the last printed line may have been made: a newer one, or a deletion
                    assert found is None or found.value["number"] >= number
                replica.sync()
                replica.sync()
                assert replica.pending() == replica.rejected() == []
                shown = {e.entry_id: (e.key, e.version, e.value, e.disputed) for e in replica.entries()}
                assert shown == hub.slice("ada")
                replica.client.close()  # type: ignore[attr-defined]
    for entry in hub.state.entries.values():
        numbers = [value["number"] for value in entry.values if value is not None]
        assert len(numbers) == len(set(numbers)), f"{entry.key} was written twice"


def test_killed_anywhere_it_goes_on(tmp_path):
    drill(tmp_path, kills=5)


@pytest.mark.long
def test_killed_forty_times_it_goes_on(tmp_path):
    drill(tmp_path, kills=40)


def test_two_processes_share_a_file(tmp_path):
    hub = FakeHub()
    path = tmp_path / "ada.db"
    with served(hub) as url:
        with ThreadPoolExecutor(2) as pool:
            runs = [pool.submit(run_and_kill, path, url, seed, 1.0, acknowledged=1) for seed in (1, 2)]
            written = [run.result() for run in runs]
        check_whole(path)
        with Replica(path, MemoryClient(url, "none"), agent_id="ada") as replica:
            replica.sync()
            assert replica.pending() == []
            shown = {e.entry_id: (e.key, e.version, e.value, e.disputed) for e in replica.entries()}
            replica.client.close()  # type: ignore[attr-defined]
    assert all(written)
    assert shown == hub.slice("ada")
