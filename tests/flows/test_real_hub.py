"""Journeys on a running hub: the README's tour, and processes killed under load."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from benchmarks import run_drill
from benchmarks.hub import ROOT, Hub
from benchmarks.kill_drill import drill
from tests.flows.follow_and_prove import PROCEDURE, Journey

TOUR = re.compile(r"## Five minutes\n(.*?)\n## ", re.DOTALL)
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)


def readme_tour() -> str:
    """The commands of the README's tour, in order."""
    section = TOUR.search((ROOT / "README.md").read_text(encoding="utf-8"))
    assert section
    return "\n".join(BLOCK.findall(section[1]))


def test_the_commands_of_the_readme_work_as_pasted(real_hub: Hub) -> None:
    script = readme_tour().replace("http://127.0.0.1:8000", real_hub.url)
    done = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", script],
        cwd=ROOT,
        env=real_hub.environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert '"key":"ui_theme"' in done.stdout.replace(" ", "")
    assert "Ask for the new address." in done.stdout


def test_nothing_acknowledged_is_lost_or_doubled_when_processes_are_killed(real_hub: Hub) -> None:
    report = drill(real_hub, kills=4, writes=200)
    assert report.clean, report
    assert report.acknowledged >= 1000
    assert sum(report.kills.values()) == 4


def test_from_an_error_to_a_proof_through_kills(real_hub: Hub) -> None:
    journey = Journey(real_hub)
    journey.establish()
    solution = journey.meet_the_error()
    journey.kill()
    operation, rate = journey.consult()
    run_id = journey.begin_run(operation.token)
    journey.try_to_skip(run_id, operation.token)
    journey.kill()
    journey.approve()
    run = journey.complete(run_id)
    assert (run["status"], run["deviations"], run["compliant"]) == ("completed", 1, False)
    assert [step["status"] for step in run["steps"]] == ["done", "skipped", "done"]
    ended = operation.finish()
    assert ended["operation"]["status"] == "succeeded"
    told = journey.second.solution_feedback(solution, worked=True, error_id=journey.error_id)["solution"]
    assert rate < told["success_rate"] < 1
    proof = journey.second.call("GET", "/memory/procedures/compliance", procedure=PROCEDURE)
    journey.close()
    [shown] = proof["procedures"]
    assert (shown["completed"], shown["compliant"], shown["skips_approved"]) == (1, 0, 1)


def test_runs_go_on_when_processes_are_killed(real_hub: Hub, callable_port: int) -> None:
    report = run_drill.drill(real_hub, callable_port, kills=2, runs=4, head=True)
    assert report.clean, report
    assert report.acknowledged >= 4 * 3 - report.died


@pytest.mark.long
def test_many_runs_go_on_when_processes_are_killed_again_and_again(real_hub: Hub, callable_port: int) -> None:
    report = run_drill.drill(real_hub, callable_port, kills=20, runs=60, seed=11)
    assert report.clean, report


def test_the_readme_names_only_commands_that_exist() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"\bmake ([a-z-]+)", text)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    commands = {path.stem for path in Path(ROOT).glob("**/management/commands/*.py") if ".venv" not in path.parts}
    assert set(re.findall(r"manage\.py ([a-z_]+)", text)) <= commands
