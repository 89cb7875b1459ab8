"""From an error to a proof, on a hub whose processes are killed meanwhile: the parts of one journey."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page, expect, sync_playwright

from benchmarks.hub import Hub
from benchmarks.kill_drill import kill_one
from memoryhub_client import HubError, MemoryClient
from tests.waiting import until

TENANT, KIND, PROCEDURE = "ops", "incident", "mend-the-database"
LOGIN, PASSWORD = "paula", "correct-horse-battery"
CHROMIUM, FLAGS = "/usr/bin/chromium", ["--no-sandbox", "--disable-gpu"]
PATIENCE_MS = 20_000
#: The web server needs some seconds to be there again after a kill.
RETRIES = 40
FIRST_ERROR, LIKE_ERROR = (
    f'psycopg.OperationalError: connection to server at "{at}", port {port} failed: '
    "FATAL: remaining connection slots are reserved"
    for at, port in (("10.0.3.7", 5432), ("10.9.1.22", 6432))
)
ADVICE = "Lower the size of the pools, then restart the one that holds most connections."
STEPS: list[dict[str, Any]] = [
    {
        "id": "look",
        "title": "Look at who holds the connections",
        "evidence": [{"name": "holder", "type": "text", "required": True}],
    },
    {
        "id": "warn",
        "title": "Tell the users",
        "evidence": [{"name": "notice", "type": "url", "required": True}],
    },
    {
        "id": "restart",
        "title": "Restart the pool",
        "instruction": "Restart the pool of {{steps.look.evidence.holder}}.",
        "evidence": [{"name": "connections", "type": "number", "required": True, "maximum": 80}],
    },
]


class Journey:
    """Two agents, an administrator's key and a person, on one hub."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.admin = self.client(scopes="read,write,admin")
        self.first, self.second = self.client(agent="first"), self.client(agent="second")
        named = ("--noinput", "--username", LOGIN, "--email", "")
        hub.manage("createsuperuser", *named, DJANGO_SUPERUSER_PASSWORD=PASSWORD, MEMORYHUB_DB_ROLE="owner")

    def client(self, *, scopes: str = "read,write", **options: str) -> MemoryClient:
        key = self.hub.key(tenant=TENANT, scopes=scopes, **options)
        return MemoryClient(self.hub.url, key, retries=RETRIES, timeout=20)

    def kill(self) -> None:
        """kill -9 of a web process and of a process of the jobs; the supervisor brings both back."""
        dice = random.Random(5)
        for target in ("web", "jobs"):
            kill_one(self.hub, target, dice, head=target == "jobs")

    # the house's rule

    def establish(self) -> None:
        document = {"name": PROCEDURE, "title": "Mend the database", "kind": KIND, "steps": STEPS}
        drafted = self.admin.draft_procedure(PROCEDURE, document)
        self.admin.publish_procedure(PROCEDURE, revision=drafted["revision"], note="After the outage in May.")
        rule = {"mode": "strict", "procedure": PROCEDURE}
        self.admin.call("PUT", f"/memory/operations/rules/{KIND}", rule)

    # the first agent meets an error, and finds what helps

    def meet_the_error(self) -> str:
        """The id of the solution, whose rate says that it was tried once."""
        with pytest.raises(ConnectionError), self.first.operation("Nightly report", kind="report"):
            raise ConnectionError(FIRST_ERROR)
        [match] = self.first.match_problem(FIRST_ERROR)
        path = f"/memory/knowledge/{match['knowledge']['id']}/solutions"
        made = self.first.call("POST", path, {"text": ADVICE, "procedure": PROCEDURE})["solution"]
        told = self.first.solution_feedback(made["id"], worked=True)["solution"]
        assert 0.5 < told["success_rate"] < 1, "one success is no certainty"
        return str(made["id"])

    # the second agent meets the like of it

    def consult(self) -> tuple[Any, float]:
        """The begun operation, and the rate of the solution that it was told."""
        self.refused("consultation_required", lambda: self.second.record_work("Restarted a pool", kind=KIND))
        captured = self.second.capture_error(LIKE_ERROR)
        assert captured["match"]["confidence"] > 0.5
        [solution] = captured["match"]["solutions"]
        assert (solution["text"], solution["procedure"]) == (ADVICE, PROCEDURE)
        operation = self.second.operation("Mend the database", kind=KIND, context={"error": LIKE_ERROR})
        operation.begin()
        assert operation.recommendation is not None
        assert operation.recommendation["name"] == PROCEDURE
        self.error_id = captured["error"]["id"]
        return operation, float(solution["success_rate"])

    def begin_run(self, token: str) -> str:
        """The id of a run whose first step is done, and whose second the agent wants to skip."""
        headers = {"Consultation-Token": token}
        self.refused(
            "consultation_required", lambda: self.second.call("POST", "/memory/runs", {"procedure": PROCEDURE})
        )
        run_id = str(self.second.call("POST", "/memory/runs", {"procedure": PROCEDURE}, headers=headers)["id"])
        taken = self.second.next_step(run_id)
        lease = taken["lease"]["token"]
        self.refused("evidence_missing", lambda: self.second.complete_step(run_id, "look", lease=lease))
        self.second.complete_step(run_id, "look", lease=lease, evidence={"holder": "reporting"})
        return run_id

    def try_to_skip(self, run_id: str, token: str) -> None:
        evidence = {"connections": 12}
        problem = self.refused(
            "step_required", lambda: self.second.complete_step(run_id, "restart", lease=1, evidence=evidence)
        )
        assert problem["required_step"] == "warn"
        finish = {"consultation_token": token, "success": True}
        self.refused("procedure_required", lambda: self.second.call("POST", "/memory/operations/finish", finish))
        self.second.ask_to_skip(run_id, "warn", reason="Nobody is at work at three in the morning.")
        assert self.second.next_step(run_id)["state"] == "waiting"

    def approve(self) -> None:
        """A person, in a browser."""
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            page = browser.new_page()
            page.set_default_timeout(PATIENCE_MS)
            expect.set_options(timeout=PATIENCE_MS)
            decide(page, self.hub.url)
            browser.close()

    def complete(self, run_id: str) -> dict[str, Any]:
        done: list[str] = []

        def perform(step: dict[str, Any]) -> dict[str, Any]:
            done.append(step["instruction"])
            return {"connections": 12}

        run = self.second.follow(run_id, perform, wait=30)
        assert done == ["Restart the pool of reporting."], run
        return run

    def refused(self, code: str, call: Callable[[], Any]) -> dict[str, Any]:
        with pytest.raises(HubError) as refusal:
            call()
        assert refusal.value.code == code, refusal.value
        return refusal.value.problem

    def close(self) -> None:
        for client in (self.admin, self.first, self.second):
            client.close()


def reached(page: Page, address: str) -> bool:
    try:
        page.goto(address)
    except PlaywrightError:
        return False
    return True


def decide(page: Page, url: str) -> None:
    until(partial(reached, page, f"{url}/admin/login/"), 60, "the web server, after its kill")
    page.fill("#id_username", LOGIN)
    page.fill("#id_password", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_selector("#needs-you")
    page.goto(f"{url}/admin/procedures_app/approval/?q={PROCEDURE}")
    page.locator("tbody tr th a").first.click()
    expect(page.locator("body")).to_contain_text("Nobody is at work at three in the morning.")
    page.locator("#reason").fill("The notice goes out in the morning.")
    page.get_by_role("button", name="Let it be skipped").click()
    expect(page.locator("body")).to_contain_text("approved.")
