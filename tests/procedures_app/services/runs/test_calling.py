"""HTTP steps: made by the hub's job, once at a time, with the same key for every attempt."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.db.models import F
from django_q.models import OrmQ

from memoryhub.access.walls import behind_walls
from memoryhub.config_procedures import CallSecret
from procedures_app import calls
from procedures_app.exceptions import DraftHasErrors
from procedures_app.models import Run, StepRun
from procedures_app.services import runs
from procedures_app.services.runs import calling, upkeep
from procedures_app.services.runs.held import HeldRun
from tests.procedures_app.calls.test_sending import Server
from tests.procedures_app.following import (
    ADA,
    HUB,
    decide,
    do,
    events_of,
    output_of,
    pass_time,
    publish,
    run_of,
    statuses,
    steps_of,
    take,
    upkeep_now,
)

pytestmark = pytest.mark.usefixtures("tenant")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with Server() as running:
        monkeypatch.setattr(settings.CONFIG.procedures, "allowed_hosts", [running.place])
        thread = threading.Thread(target=running.serve_forever, args=[0.01], daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def calling_step(server: Server, path: str = "/build", **fields: Any) -> dict[str, Any]:
    request = {"method": "POST", "url": f"{server.place}{path}", "body": {"ref": "{{inputs.ref}}"}}
    request |= {"save": {"build": "/build/id"}}
    return {"id": "build", "kind": "http", "request": request} | fields


def started(*steps: dict[str, Any]) -> UUID:
    publish(*steps, inputs=[{"name": "ref", "type": "text", "required": True}])
    return runs.start("ship-it", principal=ADA, inputs={"ref": "v7"}).pk


def test_the_job_makes_the_call_and_the_run_goes_on(server: Server):
    after = {"id": "ship", "instruction": "Ship build {{steps.build.output.build}}."}
    run_id = started(calling_step(server), after)
    assert runs.next_step(run_id, principal=ADA).state == "busy"
    assert OrmQ.objects.count() == 1  # the bell rang
    assert upkeep_now()["called"] == 1
    [got] = server.got
    step = steps_of(run_id)["build"]
    assert (got["method"], got["body"]) == ("POST", '{"ref": "v7"}')
    assert got["headers"]["Idempotency-Key"] == f"{step.pk}-1"
    output = output_of(run_id, "build")
    assert (step.status, step.attempts, output["build"], output["status"]) == ("done", 1, 7, 200)
    assert take(run_id).instruction == "Ship build 7."
    assert upkeep_now()["called"] == 0
    assert events_of(run_id)[:4] == ["run.started", "step.taken", "step.done", "step.taken"]


def test_a_call_that_fails_is_repeated_with_the_same_key_and_waits_as_long_as_it_is_told(server: Server):
    server.answers["/build"] = (503, b"", {"Retry-After": "40"})
    run_id = started(calling_step(server, on_failure="retry", max_attempts=2))
    assert upkeep_now()["called"] == 1
    assert upkeep_now()["called"] == 0
    pass_time(39)
    assert upkeep_now()["called"] == 0
    pass_time(2)
    server.answers.clear()
    assert upkeep_now()["called"] == 1
    assert len({got["headers"]["Idempotency-Key"] for got in server.got}) == 1
    assert (len(server.got), run_of(run_id).status, run_of(run_id).compliant) == (2, "completed", True)


def test_an_answer_that_nobody_expects_is_not_asked_for_again(server: Server):
    server.answers["/build"] = (404, b"", {})
    run_id = started(calling_step(server, on_failure="retry", max_attempts=5))
    upkeep_now()
    assert run_of(run_id).status == "waiting"
    assert "404" in steps_of(run_id)["build"].error
    decide(run_id, decision="fail")
    assert run_of(run_id).status == "failed"


def test_a_crash_between_call_and_record_repeats_the_call(server: Server, monkeypatch: pytest.MonkeyPatch):
    run_id = started(calling_step(server))
    claimed = calling.claim(run_id, principal=HUB)
    assert claimed is not None
    assert calling.claim(run_id, principal=HUB) is None  # never two at once
    [(_, lost)] = calling.sent([claimed])
    pass_time(300)
    assert upkeep_now()["called"] == 1
    first, second = server.got
    assert first["headers"]["Idempotency-Key"] == second["headers"]["Idempotency-Key"]
    assert (run_of(run_id).status, steps_of(run_id)["build"].attempts) == ("completed", 2)
    calling.record(claimed, lost)  # what comes late changes nothing
    assert run_of(run_id).status == "completed"
    assert events_of(run_id)[-1] == "step.answer_unused"


def test_an_answer_that_comes_during_a_pause_counts(server: Server):
    run_id = started(calling_step(server), {"id": "ship"})
    claimed = calling.claim(run_id, principal=HUB)
    assert claimed is not None
    runs.pause(run_id, principal=ADA, reason="A freeze.")
    [(call, outcome)] = calling.sent([claimed])
    calling.record(call, outcome)
    assert (run_of(run_id).status, statuses(run_id)) == ("paused", ["done", "ready"])
    assert upkeep_now()["called"] == 0
    runs.resume(run_id, principal=ADA)
    assert do(run_id).status == "completed"


def test_a_paused_or_cancelled_run_makes_no_call(server: Server):
    run_id = started(calling_step(server))
    runs.pause(run_id, principal=ADA, reason="A freeze.")
    assert upkeep_now()["called"] == 0
    runs.cancel(run_id, principal=ADA, reason="Over.")
    assert upkeep_now()["called"] == 0
    assert server.got == []


def test_a_call_may_undo_a_step(server: Server):
    undo = {"title": "Remove it", "kind": "http", "request": {"method": "DELETE", "url": f"{server.place}/build"}}
    run_id = started({"id": "make", "rollback": undo}, {"id": "ship", "on_failure": "roll_back"})
    do(run_id)
    runs.fail(run_id, "ship", principal=ADA, lease=take(run_id).lease_token or 0, error="x")
    assert runs.next_step(run_id, principal=ADA).state == "busy"
    server.answers["/build"] = (200, b"", {})
    server.RequestHandlerClass.do_DELETE = server.RequestHandlerClass.do_POST  # type: ignore[attr-defined]
    assert upkeep_now()["called"] == 1
    assert run_of(run_id).status == "rolled_back"
    assert server.got[0]["headers"]["Idempotency-Key"].endswith("-undo-1")


def test_a_call_may_undo_a_step_of_a_procedure_in_a_procedure(server: Server):
    undo = {"title": "Remove it", "kind": "http", "request": {"method": "POST", "url": f"{server.place}/remove"}}
    publish({"id": "make", "rollback": undo}, name="inner")
    run_id = started({"id": "inner", "kind": "procedure", "procedure": "inner"}, {"id": "s", "on_failure": "roll_back"})
    do(run_id)
    runs.fail(run_id, "s", principal=ADA, lease=take(run_id).lease_token or 0, error="x")
    assert runs.next_step(run_id, principal=ADA).state == "busy"
    assert upkeep_now()["called"] == 1
    assert (run_of(run_id).status, [got["path"] for got in server.got]) == ("rolled_back", ["/remove"])


def test_several_calls_at_a_time(server: Server):
    publish(calling_step(server), inputs=[{"name": "ref", "type": "text", "required": True}])
    ids = [runs.start("ship-it", principal=ADA, inputs={"ref": "v7"}).pk for _ in range(12)]
    assert upkeep_now()["called"] == 12
    assert {run_of(run_id).status for run_id in ids} == {"completed"}


@pytest.mark.parametrize("said", ['"a\\u0000b"', '"\\ud800"', "NaN", "1e400", '{"\\u0000": 1}', "[" * 500 + "]" * 500])
def test_an_answer_of_any_content_ends_its_step(server: Server, said: str):
    server.answers["/build"] = (200, f'{{"build": {{"id": 7}}, "said": {said}}}'.encode(), {})
    step = calling_step(server)
    step["request"]["save"] = {}
    run_id = started(step)
    assert upkeep_now()["called"] == 1
    assert (run_of(run_id).status, len(server.got)) == ("completed", 1)


def test_an_answer_that_cannot_be_kept_fails_its_step_and_no_other(server: Server, monkeypatch: pytest.MonkeyPatch):
    publish(calling_step(server, on_failure="retry"), inputs=[{"name": "ref", "type": "text", "required": True}])
    first, second = (runs.start("ship-it", principal=ADA, inputs={"ref": ref}).pk for ref in ("v1", "v2"))
    real = calls.send

    def send(request: dict[str, Any], **options: Any) -> calls.Answer:
        answer = real(request, **options)
        return replace(answer, saved={"build": "\x00"}) if request["body"] == {"ref": "v1"} else answer

    monkeypatch.setattr(calls, "send", send)
    assert upkeep_now()["called"] == 2
    assert [run_of(run_id).status for run_id in (first, second)] == ["waiting", "completed"]
    assert steps_of(first)["build"].error == "The answer could not be recorded: DataError"
    assert len(server.got) == 2


def test_an_answer_is_recorded_while_others_are_waited_for(server: Server, monkeypatch: pytest.MonkeyPatch):
    publish(calling_step(server), inputs=[{"name": "ref", "type": "text", "required": True}])
    slow, quick = (runs.start("ship-it", principal=ADA, inputs={"ref": ref}).pk for ref in ("slow", "quick"))
    recorded, real, record = threading.Event(), calls.send, calling.record

    def send(request: dict[str, Any], **options: Any) -> calls.Answer:
        assert request["body"] == {"ref": "quick"} or recorded.wait(30)
        return real(request, **options)

    def recording(call: calling.Claimed, outcome: calling.Outcome) -> None:
        record(call, outcome)
        recorded.set()

    monkeypatch.setattr(calls, "send", send)
    monkeypatch.setattr(calling, "record", recording)
    assert upkeep_now()["called"] == 2
    assert [run_of(run_id).status for run_id in (slow, quick)] == ["completed", "completed"]


def test_no_call_begins_when_the_time_of_the_slice_is_up(server: Server, monkeypatch: pytest.MonkeyPatch):
    started(calling_step(server))
    monkeypatch.setattr(upkeep, "SLICE_SECONDS", 0.0)
    assert upkeep_now()["called"] == 0
    assert server.got == []


def test_a_call_that_cannot_be_prepared_holds_up_no_other(server: Server, monkeypatch: pytest.MonkeyPatch):
    publish(calling_step(server), inputs=[{"name": "ref", "type": "text", "required": True}])
    ids = [runs.start("ship-it", principal=ADA, inputs={"ref": "v7"}).pk for _ in range(3)]
    real = calling.filled

    def filled(held: HeldRun, step: StepRun) -> dict[str, Any]:
        if held.run.pk in ids[:2]:
            raise KeyError
        return real(held, step)

    monkeypatch.setattr(calling, "filled", filled)
    monkeypatch.setattr(calling, "MOST_AT_ONCE", 1)
    assert upkeep_now()["called"] == 1
    assert run_of(ids[2]).status == "completed"


def test_a_first_call_and_a_repeated_one_take_turns(server: Server):
    server.answers["/build"] = (503, b"", {})
    again = started(calling_step(server, on_failure="retry", max_attempts=9))
    upkeep_now()
    first = runs.start("ship-it", principal=ADA, inputs={"ref": "v8"}).pk
    pass_time(3)
    assert upkeep.runs_with_calls(principal=HUB, limit=9) == [first]
    pass_time(3)
    with behind_walls(HUB):
        Run.objects.filter(pk=first).update(updated_at=F("updated_at") - timedelta(seconds=600))
    assert upkeep.runs_with_calls(principal=HUB, limit=9) == [first, again]


def test_no_bell_rings_for_a_call_that_has_to_wait(server: Server):
    server.answers["/build"] = (503, b"", {})
    started(calling_step(server, on_failure="retry", max_attempts=9))
    OrmQ.objects.all().delete()
    upkeep_now()
    assert OrmQ.objects.count() == 0


def test_what_breaks_in_a_call_is_a_failed_attempt(server: Server, monkeypatch: pytest.MonkeyPatch):
    def broken(*args: Any, **options: Any) -> Any:
        raise ZeroDivisionError

    run_id = started(calling_step(server))
    monkeypatch.setattr(calls, "send", broken)
    upkeep_now()
    assert steps_of(run_id)["build"].error == "The call broke: ZeroDivisionError"
    assert run_of(run_id).status == "waiting"


def bind(monkeypatch: pytest.MonkeyPatch, hosts: list[str], *tenants: str) -> None:
    secret = CallSecret.model_validate({"value": "s3cr3t", "hosts": hosts, "tenants": tenants or ("acme",)})
    monkeypatch.setattr(settings.CONFIG.procedures, "secrets", {"PROD": secret})


def refs(server: Server, header: str, ref: Any, monkeypatch: pytest.MonkeyPatch) -> UUID:
    """A run whose call has this header, with this input, once it was called."""
    bind(monkeypatch, [server.place])
    request = {"method": "POST", "url": f"{server.place}/build", "headers": {"X-Ref": header}}
    publish(
        {"id": "build", "kind": "http", "request": request}, inputs=[{"name": "ref", "type": "json", "required": True}]
    )
    run_id = runs.start("ship-it", principal=ADA, inputs={"ref": ref}).pk
    upkeep_now()
    return run_id


def test_the_document_names_secrets(server: Server, monkeypatch: pytest.MonkeyPatch):
    run_id = refs(server, "Bearer {{ secrets.PROD }} for {{inputs.ref}}", 7, monkeypatch)
    assert (server.got[0]["headers"]["X-Ref"], run_of(run_id).status) == ("Bearer s3cr3t for 7", "completed")


@pytest.mark.parametrize(
    ("host", "whose", "said"),
    [
        ("https://ci.example.com", "acme", "The secret 'PROD' may not go to"),
        (None, "umbrella", "There is no secret 'PROD' in procedures.secrets that this tenant may use."),
    ],
)
def test_a_secret_goes_to_its_hosts_for_its_tenants_alone(
    server: Server, monkeypatch: pytest.MonkeyPatch, host: str | None, whose: str, said: str
):
    bind(monkeypatch, [server.place])
    request = {"url": f"{server.place}/build", "headers": {"X-Ref": "{{secrets.PROD}}"}}
    step = {"id": "build", "kind": "http", "request": request}
    publish(step)
    bind(monkeypatch, [host or server.place], whose)
    run_id = runs.start("ship-it", principal=ADA).pk  # of the version from before
    assert upkeep_now()["called"] == 1
    assert (server.got, run_of(run_id).status) == ([], "waiting")
    assert said in steps_of(run_id)["build"].error
    with pytest.raises(DraftHasErrors) as refused:
        publish(step, title="Again")
    assert said in str(refused.value.extra["errors"])


def test_a_secret_for_every_tenant(server: Server, monkeypatch: pytest.MonkeyPatch):
    bind(monkeypatch, [server.place], "*")
    publish({"id": "build", "kind": "http", "request": {"url": server.place, "headers": {"X": "{{secrets.PROD}}"}}})
    runs.start("ship-it", principal=ADA)
    upkeep_now()
    assert server.got[0]["headers"]["X"] == "s3cr3t"


@pytest.mark.parametrize(
    ("header", "ref"),
    [
        ("ref {{inputs.ref}}", "{{secrets.PROD}}"),
        ("{{inputs.ref}}", "{{ secrets.PROD }}"),
        ("{{{inputs.ref}}}", "{secrets.PROD}"),
        ("{{inputs.ref}}secrets.PROD}}", "{{"),
    ],
)
def test_no_value_of_a_run_names_a_secret(server: Server, monkeypatch: pytest.MonkeyPatch, header: str, ref: str):
    refs(server, header, ref, monkeypatch)
    assert "s3cr3t" not in str([got["headers"] for got in server.got])


def test_a_value_that_looks_like_a_placeholder_is_refused(server: Server, monkeypatch: pytest.MonkeyPatch):
    run_id = refs(server, "ref {{inputs.ref}}", "{{secrets.PROD}}", monkeypatch)
    assert (server.got, run_of(run_id).status) == ([], "waiting")
    assert "inputs.ref" in steps_of(run_id)["build"].error


def test_agents_of_a_call_are_refused(server: Server):
    with pytest.raises(DraftHasErrors) as refused:
        publish(calling_step(server) | {"agents": ["ben"], "request": {"url": f"{server.place}/build"}})
    assert "agents do not apply" in str(refused.value.extra["errors"])
