"""Procedures, and runs of them: the next step is taken, done, and handed in with its evidence."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Self

from memoryhub_client.coordinator import without_none, without_success
from memoryhub_client.errors import HubError
from memoryhub_client.knowledge import Calls, Id, Json
from memoryhub_client.operations import described
from memoryhub_client.transport import segment

#: Does a step and gives its evidence; raising anything is the step's failure.
Perform = Callable[[Json], Mapping[str, Any] | None]
OVER = frozenset({"completed", "failed", "rolled_back", "cancelled"})
LONGEST_PAUSE_SECONDS = 10.0
FIRST_PAUSE_SECONDS = 0.2
RENEWALS_PER_LEASE = 3
NOT_FOUND = 404
#: Asked for where the caller does not say; renewed while the step is worked on.
LEASE_SECONDS = 120


class ProcedureCalls(Calls):
    """Procedures and their runs."""

    def procedures(self, **filters: Any) -> list[Json]:
        """The published procedures. ``filters``: kind, status, limit."""
        return list(self.call("GET", "/memory/procedures", **filters)["results"])

    def procedure(self, name: str) -> Json:
        """One procedure with the document of its current version."""
        return self.call("GET", procedure_path(name))

    def draft_procedure(self, name: str, document: Mapping[str, Any], *, revision: int | None = None) -> Json:
        """Makes or changes the draft; people publish it. With ``revision``, only if it is still that one.

        The answer's ``revision`` is what to publish; ``problems`` says what hinders that.
        """
        headers = {"If-Match": "*" if revision is None else f'"{revision}"'}
        try:
            return self.call("PUT", f"{procedure_path(name)}/draft", {"document": dict(document)}, headers=headers)
        except HubError as missing:
            if missing.status != NOT_FOUND or revision is not None:
                raise
        return self.call("POST", "/memory/procedures", {"name": name, "document": dict(document)})

    def publish_procedure(self, name: str, *, revision: int, note: str, based_on_seen: int | None = None) -> Json:
        """Publishes the draft as it was seen, on top of the version that was seen. Needs ``admin``."""
        said = {"revision": revision, "note": note, "based_on_seen": based_on_seen}
        return self.call("POST", f"{procedure_path(name)}/publish", said)

    def start_run(self, procedure: str, inputs: Mapping[str, Any] | None = None, **more: Any) -> Json:
        """Starts following a procedure: the run. ``more``: user_id, session_id, version."""
        said = {"procedure": procedure, "inputs": dict(inputs or {}), **without_none(more)}
        return without_success(self.call("POST", "/memory/runs", said))

    def run(self, run_id: Id) -> Json:
        return without_success(self.call("GET", run_path(run_id)))

    def runs(self, **filters: Any) -> list[Json]:
        """Runs, the newest first. ``filters``: status, procedure, agent_id, limit."""
        return list(self.call("GET", "/memory/runs", **filters)["results"])

    def next_step(self, run_id: Id, *, lease_seconds: int | None = None) -> Json:
        """The step to do now, with its lease. ``state`` is step; or busy, waiting, paused, over: there is none."""
        return self.call("POST", f"{run_path(run_id)}/next", without_none({"lease_seconds": lease_seconds}))

    def complete_step(
        self, run_id: Id, step_id: str, *, lease: int, evidence: Mapping[str, Any] | None = None, **more: Any
    ) -> Json:
        """Hands a step in. ``more``: output, note. HubError 409 ``evidence_missing`` says what lacks."""
        said = {"lease": lease, "evidence": dict(evidence or {}), **without_none(more)}
        return self.call("POST", f"{step_path(run_id, step_id)}/complete", said)

    def fail_step(self, run_id: Id, step_id: str, *, lease: int, error: str, **more: Any) -> Json:
        """Says that a step failed; its policy decides what comes. ``more``: context."""
        said = {"lease": lease, "error": error, **without_none(more)}
        return self.call("POST", f"{step_path(run_id, step_id)}/fail", said)

    def renew_step(self, run_id: Id, step_id: str, *, lease: int, lease_seconds: int | None = None) -> Json:
        said = without_none({"lease": lease, "lease_seconds": lease_seconds})
        return self.call("POST", f"{step_path(run_id, step_id)}/renew", said)

    def ask_to_skip(self, run_id: Id, step_id: str, *, reason: str) -> Json:
        """Asks people to let a step be skipped; the run waits for them."""
        return self.call("POST", f"{step_path(run_id, step_id)}/skip", {"reason": reason})

    def ask_to_deviate(self, run_id: Id, step_id: str, *, reason: str, proposal: str) -> Json:
        """Asks people to let a step be done otherwise."""
        return self.call("POST", f"{step_path(run_id, step_id)}/deviate", {"reason": reason, "proposal": proposal})

    def pause_run(self, run_id: Id, *, reason: str) -> Json:
        return self.call("POST", f"{run_path(run_id)}/pause", {"reason": reason})

    def resume_run(self, run_id: Id, *, reason: str = "") -> Json:
        return self.call("POST", f"{run_path(run_id)}/resume", {"reason": reason})

    def cancel_run(self, run_id: Id, *, reason: str) -> Json:
        return self.call("POST", f"{run_path(run_id)}/cancel", {"reason": reason})

    def follow(
        self,
        run_id: Id,
        perform: Perform,
        *,
        lease_seconds: int = LEASE_SECONDS,
        wait: float = 0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Json:
        """Takes step after step of a run until it is over; gives the run as it then is.

        ``perform`` does one step and gives its evidence; while it works, the lease is renewed. ``wait``: seconds
        for which people or other agents are waited for before the run is given back as it stands.
        """
        patience, pause = time.monotonic() + wait, FIRST_PAUSE_SECONDS
        while True:
            taken = self.next_step(run_id, lease_seconds=lease_seconds)
            if taken["state"] == "step":
                self.do_step(taken, perform, lease_seconds=lease_seconds)
                patience, pause = time.monotonic() + wait, FIRST_PAUSE_SECONDS
                continue
            left = patience - time.monotonic()
            if taken["state"] in ("over", "paused") or left <= 0:
                return self.run(run_id)
            sleep(min(left, taken.get("retry_after") or pause))
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def do_step(self, taken: Json, perform: Perform, *, lease_seconds: int = LEASE_SECONDS) -> Json:
        """Does one taken step and hands it in, or says that it failed. It may be of a run within the run."""
        step, lease, owner = taken["step"], taken["lease"], taken["run"]["id"]
        with Renewing(self, taken, lease_seconds):
            try:
                evidence = perform(step)
            except Exception as problem:  # noqa: BLE001 - whatever it is, the hub is told, and its policy decides
                return self.fail_step(owner, step["id"], lease=lease["token"], error=described(problem)["message"])
        return self.complete_step(owner, step["id"], lease=lease["token"], evidence=evidence)


class Renewing:
    """Renews the lease of a step in the background, for as long as somebody works on it."""

    def __init__(self, calls: ProcedureCalls, taken: Json, seconds: int) -> None:
        self.calls, self.seconds = calls, seconds
        self.run_id, self.step_id, self.token = taken["run"]["id"], taken["step"]["id"], taken["lease"]["token"]
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._renew, name=f"lease of {self.step_id}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *about: object) -> None:
        self._done.set()
        self._thread.join()

    def _renew(self) -> None:
        while not self._done.wait(self.seconds / RENEWALS_PER_LEASE):
            try:
                self.calls.renew_step(self.run_id, self.step_id, lease=self.token, lease_seconds=self.seconds)
            except HubError:
                return  # lost: handing in will say so
            except OSError:
                continue  # the hub is away: the lease may last until it is back


def procedure_path(name: str) -> str:
    return f"/memory/procedures/{segment(name)}"


def run_path(run_id: Id) -> str:
    return f"/memory/runs/{segment(str(run_id))}"


def step_path(run_id: Id, step_id: str) -> str:
    return f"{run_path(run_id)}/steps/{segment(step_id)}"
