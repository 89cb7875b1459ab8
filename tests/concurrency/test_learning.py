"""What is learned when work ends: two that learn the same never wait for each other, a model at work holds no rows."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest
from django.db import connection, models

from memoryhub.access.exceptions import Conflict, HubError, Invalid
from memoryhub.access.ids import new_id
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import tenants
from memoryhub.access.walls import behind_walls
from memoryhub.registry.services.drafts import Draft
from procedures_app import briefing
from procedures_app.models import CapturedError, Knowledge, Operation, Run, Solution
from procedures_app.services import errors, knowledge, operations, outcomes, problems, runs
from sessions_app.exceptions import SessionNotFound
from sessions_app.hooks import NewError
from sessions_app.models import Session
from sessions_app.services import sessions
from sessions_app.services.saving import Also, save
from tests.procedures_app.conftest import begun
from tests.procedures_app.following import acting_as, run_of, started, take

pytestmark = pytest.mark.django_db(transaction=True)
POOL, DISK = "PoolTimeout: the pool is exhausted", "OSError: No space left on device"
ADA, BEN = (acting_as(name, key_id=new_id()) for name in ("ada", "ben"))


@pytest.fixture(autouse=True)
def acme(transactional_db: None) -> None:
    tenants.ensure(principal=system_principal("test"), tenant_id="acme")


@pytest.fixture
def cures() -> dict[str, Solution]:
    """By message: what solves it."""
    for message in (POOL, DISK):
        knowledge.capture(principal=ADA, title=message, content={"error": message}, solution=f"Against {message}")
    with behind_walls(ADA):
        return {message: Solution.objects.get(text=f"Against {message}") for message in (POOL, DISK)}


def halting(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function; whoever comes back from it first waits a second for the other."""
    both = Barrier(2)

    def call(*args: Any, **kwargs: Any) -> Any:
        answer = function(*args, **kwargs)
        with suppress(BrokenBarrierError):  # the other one waits for a row
            both.wait(1)
        return answer

    return call


def at_once(*work: Callable[[], Any]) -> list[Any]:
    def run(one: Callable[[], Any]) -> Any:
        try:
            return one()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(run, work))


def saving(principal: Principal, *messages: str) -> Callable[[], int]:
    def save() -> int:
        session = Session(tenant_id="acme")
        keep = briefing.recognize_errors(session, [NewError(message) for message in messages], principal)
        with behind_walls(principal):
            return keep()

    return save


def test_sessions_that_end_with_the_same_known_errors(cures: dict[str, Solution], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(errors, "capture", halting(errors.capture))
    assert at_once(saving(ADA, POOL, DISK), saving(BEN, DISK, POOL)) == [2, 2]
    with behind_walls(ADA):
        assert sorted(Knowledge.objects.values_list("occurrences", flat=True)) == [3, 3]


def test_sessions_that_end_with_the_same_new_errors(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(errors, "capture", halting(errors.capture))
    assert at_once(saving(ADA, POOL, DISK), saving(BEN, DISK, POOL)) == [2, 2]
    with behind_walls(ADA):
        assert sorted(Knowledge.objects.values_list("occurrences", flat=True)) == [2, 2]


def test_errors_stand_in_the_order_in_which_they_were_met():
    saving(ADA, POOL, DISK, "a third one")()
    with behind_walls(ADA):
        kept = CapturedError.objects.order_by("created_at").values_list("message", flat=True)
        assert list(kept) == [POOL, DISK, "a third one"]


def tried(principal: Principal, met: str, then: str) -> Callable[[], operations.Finished]:
    """An operation that met a known error, says that its solution helped, and ends with the other one."""
    worker = begun(principal)
    with behind_walls(worker):
        operation = Operation.objects.get(agent_id=principal.agent_id)
    errors.capture(principal=worker, message=met, operation=operation)
    said: dict[str, Any] = {"success": False, "error": then, "solution_worked": True}
    return lambda: operations.finish(worker.consultation, principal=worker, **said)


def test_operations_that_end_with_each_others_errors(cures: dict[str, Solution], monkeypatch: pytest.MonkeyPatch):
    work = [tried(ADA, POOL, DISK), tried(BEN, DISK, POOL)]
    monkeypatch.setattr(outcomes, "give_feedback", halting(outcomes.give_feedback))
    assert [done.solution for done in at_once(*work)] == [cures[POOL], cures[DISK]]


# -- a model at work ----------------------------------------------------------------------------------


def is_free(row: models.Model) -> bool:
    """Whether somebody else may lock the row now."""

    def lock() -> bool:
        with behind_walls(ADA):
            rows = type(row)._default_manager.select_for_update(skip_locked=True)
            return rows.filter(pk=row.pk).first() is not None

    return bool(at_once(lock)[0])


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Set ``row``: whether it was ``free`` while errors were compared."""
    state: dict[str, Any] = {}
    compare = problems.match_text

    def watched(*args: Any, **kwargs: Any) -> Any:
        if "row" in state:
            state.setdefault("free", []).append(is_free(state["row"]))
        return compare(*args, **kwargs)

    monkeypatch.setattr(problems, "match_text", watched)
    return state


def test_an_operation_is_not_held_while_its_error_is_compared(seen: dict[str, Any]):
    worker = begun(ADA)
    with behind_walls(worker):
        seen["row"] = Operation.objects.get()
    operations.finish(worker.consultation, principal=worker, success=False, error=POOL)
    assert seen["free"] == [True]


def test_a_session_is_not_held_while_its_errors_are_compared(seen: dict[str, Any]):
    seen["row"] = sessions.start(principal=ADA, session_id="s1").session
    saved = save(session_id="s1", principal=ADA, also=Also(errors=[NewError(POOL), NewError(DISK)]))
    assert (saved.errors_captured, seen["free"]) == (2, [True, True])


def test_errors_are_kept_with_the_session_or_not_at_all():
    sessions.start(principal=ADA, session_id="s1")
    wrong = Also(errors=[NewError(POOL)], memories=[Draft(key="wrong", value=float("nan"))])
    with pytest.raises(HubError):
        save(session_id="s1", principal=ADA, also=wrong)
    with behind_walls(ADA):
        assert not CapturedError.objects.exists()
        assert not Knowledge.objects.exists()
    assert save(session_id="s1", principal=ADA, also=Also(errors=[NewError(POOL)])).errors_captured == 1
    with behind_walls(ADA):
        assert CapturedError.objects.get().session_id == "s1"


@pytest.mark.parametrize(("session_id", "message"), [("nowhere", POOL), ("s1", " ")])
def test_errors_of_no_session_and_such_as_say_nothing_are_refused(session_id: str, message: str):
    sessions.start(principal=ADA, session_id="s1")
    with pytest.raises((SessionNotFound, Invalid)):
        save(session_id=session_id, principal=ADA, also=Also(errors=[NewError(message)]))


def failing() -> tuple[Run, Callable[[], Run]]:
    run_id = started({"id": "build"}, principal=ADA)
    found = take(run_id, ADA)
    return run_of(run_id), lambda: runs.fail(run_id, "build", principal=ADA, lease=found.lease_token or 0, error=POOL)


def test_a_run_is_not_held_while_its_error_is_compared_in_a_request_that_is_carried_out_once(seen: dict[str, Any]):
    seen["row"], fail = failing()
    with behind_walls(ADA):  # as a request with an Idempotency-Key is
        fail()
    assert seen["free"] == [True]
    with behind_walls(ADA):
        assert CapturedError.objects.get().context["step_id"] == "build"


def test_a_failure_stands_though_its_error_cannot_be_kept(monkeypatch: pytest.MonkeyPatch):
    def busy(*args: Any, **kwargs: Any) -> None:
        with behind_walls(kwargs["principal"]):
            raise Conflict("This problem is being merged.")

    run, fail = failing()
    monkeypatch.setattr(errors, "capture", busy)
    with behind_walls(ADA):
        assert fail().status == "waiting"
    assert run_of(run.pk).status == "waiting"
