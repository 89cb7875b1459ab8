"""Memory actions: done on the way, with the rights of the agent that comes to them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from memoryhub.access.exceptions import Invalid
from memoryhub.access.walls import behind_walls
from memoryhub.registry.services import entries
from memoryhub.registry.services.drafts import Draft
from procedures_app.documents.step_checking import ACTION_NEEDS
from procedures_app.exceptions import DraftHasErrors, EvidenceMissing
from procedures_app.models import CapturedError
from procedures_app.services import knowledge, runs
from procedures_app.services.runs.remembering import ACTIONS, ENCRYPTED, OTHERS
from tests.procedures_app.following import (
    ADA,
    BEN,
    HUB,
    acting_as,
    decide,
    do,
    flag,
    output_of,
    publish,
    run_of,
    statuses,
    steps_of,
)

pytestmark = pytest.mark.usefixtures("tenant")
INPUTS = [{"name": "service", "type": "text", "required": False}]


def action(do: str, step_id: str = "remember", /, **given: Any) -> dict[str, Any]:
    return {"id": step_id, "kind": "memory", "action": {"do": do, "with": given}}


def started(*steps: dict[str, Any], service: str = "api", principal: Any = ADA) -> Any:
    publish(*steps, inputs=INPUTS)
    return runs.start("ship-it", principal=principal, inputs={"service": service}).pk


def test_a_run_stores_and_finds_memories_on_the_way():
    run_id = started(
        {"id": "build"},
        action("store", "store", key="last-{{inputs.service}}", value={"by": "{{inputs.service}}"}, scope="tenant"),
        action("retrieve", "look", key="last-{{inputs.service}}"),
        {"id": "ship", "instruction": "Last was {{steps.look.output.value.by}}."},
        action("search", "search", query="api", mode="keyword"),
    )
    do(run_id)
    assert statuses(run_id) == ["done", "done", "done", "ready", "pending"]
    assert entries.retrieve(key="last-api", principal=BEN).author == "ada"
    assert runs.next_step(run_id, principal=ADA).instruction == "Last was api."
    assert do(run_id).status == "completed"
    assert output_of(run_id, "search")["results"] is not None


def test_the_agent_has_its_own_rights_and_no_more():
    entries.store(Draft(key="mine", value="secret", scope="agent"), principal=BEN)
    run_id = started(action("retrieve", key="mine"), {"id": "ship"})
    assert runs.next_step(run_id, principal=ADA).state == "waiting"  # for ada there is no such thing
    decide(run_id, decision="retry")
    assert runs.next_step(run_id, principal=BEN).state == "step"
    found = output_of(run_id, "remember")
    assert (found["key"], found["withheld"]) == ("mine", OTHERS)
    assert "value" not in found  # ada reads the run, too


def test_a_caller_who_may_not_read_finds_nothing():
    run_id = started(action("search", query="x"), {"id": "ship"})
    writer = acting_as("wri", permissions=frozenset({"write"}))
    assert runs.next_step(run_id, principal=writer).state == "waiting"
    assert "'read'" in steps_of(run_id)["remember"].error


def test_what_the_action_does_not_know_is_never_published():
    with pytest.raises(DraftHasErrors) as refused:
        started(action("store", key="k", value="v", colour="blue"))
    assert "colour" in str(refused.value.extra["errors"])


def test_what_does_not_fit_the_action_fails_the_step():
    run_id = started(action("store", key="k", value="v", importance="{{inputs.service}}"))
    runs.next_step(run_id, principal=ADA)
    assert steps_of(run_id)["remember"].error
    assert run_of(run_id).status == "waiting"


def test_an_action_without_its_value_fails():
    publish(action("store", key="{{inputs.service}}", value=1), inputs=INPUTS)
    run_id = runs.start("ship-it", principal=ADA).pk
    runs.next_step(run_id, principal=ADA)
    assert "inputs.service" in steps_of(run_id)["remember"].error


def test_evidence_that_the_output_lacks_is_handed_in():
    run_id = started(action("store", key="k", value="v") | {"evidence": [flag("looked_at")]})
    found = runs.next_step(run_id, principal=ADA)
    assert found.todo is not None
    assert (found.state, found.todo.kind) == ("step", "instruction")
    assert do(run_id).status == "completed"
    step = steps_of(run_id)["remember"]
    assert (step.evidence, output_of(run_id, "remember")["key"]) == ({"looked_at": True}, "k")


def test_an_action_may_be_for_some_agents_alone():
    run_id = started(action("store", key="k", value="v") | {"agents": ["ben"]})
    assert runs.next_step(run_id, principal=ADA).state == "busy"
    assert runs.next_step(run_id, principal=BEN).state == "over"
    assert steps_of(run_id)["remember"].done_by == "ben"


def test_an_action_may_undo_a_step():
    undo = {"title": "Note it", "kind": "memory", "action": {"do": "store", "with": {"key": "undone", "value": 1}}}
    run_id = started({"id": "a", "rollback": undo}, {"id": "b", "on_failure": "roll_back"})
    do(run_id)
    found = runs.next_step(run_id, principal=ADA)
    runs.fail(run_id, "b", principal=ADA, lease=found.lease_token or 0, error="x")
    assert runs.next_step(run_id, principal=ADA).state == "over"
    assert run_of(run_id).status == "rolled_back"
    assert entries.retrieve(key="undone", principal=ADA).value == 1


def test_a_run_captures_knowledge_that_stays():
    content = {"error": "KeyError: 'session_id'", "solution": "Start the session first."}
    run_id = started(
        action("capture_knowledge", title="{{inputs.service}} lost its session", content=content), {"id": "ship"}
    )
    runs.next_step(run_id, principal=ADA)
    output = output_of(run_id, "remember")
    assert (output["title"], output["created"]) == ("api lost its session", True)
    kept = knowledge.get(UUID(output["knowledge_id"]), principal=BEN)
    assert (kept.solution, kept.author) == ("Start the session first.", "ada")


def test_every_action_that_may_be_written_can_be_carried_out():
    assert set(ACTIONS) == set(ACTION_NEEDS)


def test_a_failure_is_captured_as_an_error_with_where_it_happened():
    run_id = started({"id": "build"})
    found = runs.next_step(run_id, principal=ADA)
    error = "ConnectionRefusedError: [Errno 111] Connection refused"
    runs.fail(run_id, "build", principal=ADA, lease=found.lease_token or 0, error=error, context={"host": "db-1"})
    with behind_walls(HUB):
        met = CapturedError.objects.get()
    assert (met.message, met.agent_id) == (error, "ada")
    assert met.context == {"host": "db-1", "run_id": str(run_id), "procedure": "ship-it", "step_id": "build"}


LOOKING = action("search", "search", query="zebra diagnosis", mode="keyword")
UMA = {"user_id": "uma"}


def output_by(step: dict[str, Any], caller: Any, **about: str) -> Any:
    run_id = started(step, principal=ADA.naming(**about))
    runs.next_step(run_id, principal=caller)
    return output_of(run_id, step["id"])


@pytest.mark.parametrize(
    "caller",
    [
        ADA.naming(user_id="uma"),
        acting_as("boss", permissions=frozenset({"read", "write", "admin"})),
        acting_as("bound", bound_user="uma"),
        HUB,
    ],
    ids=["naming", "admin", "bound", "hub"],
)
def test_a_run_about_nobody_tells_nothing_of_a_user(caller: Any):
    entries.store(Draft(key="u", value="zebra diagnosis of uma", scope="user", user_id="uma"), principal=ADA)
    assert "uma" not in str(output_by(LOOKING, caller))
    assert "uma" not in str(output_by(action("retrieve", key="u"), caller))


def test_a_run_about_a_user_tells_of_that_user():
    entries.store(Draft(key="u", value="zebra diagnosis of uma", scope="user", user_id="uma"), principal=ADA)
    [found] = output_by(LOOKING, ADA.naming(user_id="uma"), **UMA)["results"]
    assert found["value"] == "zebra diagnosis of uma"
    assert output_by(action("retrieve", key="u", **UMA), ADA.naming(user_id="uma"), **UMA)["value"] == found["value"]


def test_an_action_speaks_of_whom_the_run_is_about():
    run_id = started(action("retrieve", key="u", user_id="uma"))
    runs.next_step(run_id, principal=ADA)
    assert "whom its run is about" in steps_of(run_id)["remember"].error


def test_what_an_agent_keeps_for_itself_is_found_without_its_content():
    entries.store(Draft(key="mine", value="zebra diagnosis", scope="agent"), principal=ADA)
    [found] = output_by(LOOKING, ADA)["results"]
    assert set(found) == {"kind", "id", "score", "withheld"}


def test_an_encrypted_value_stays_out_of_the_run():
    entries.store(Draft(key="zebra diagnosis", value="pin 4711", scope="tenant", encrypted=True), principal=ADA)
    found = output_by(action("retrieve", key="zebra diagnosis"), ADA)
    assert (found["key"], found["withheld"], "4711" in str(found)) == ("zebra diagnosis", ENCRYPTED, False)
    assert "4711" not in str(output_by(LOOKING, ADA))


def number(name: str) -> dict[str, Any]:
    return {"name": name, "type": "number", "required": True, "description": "How many.", "minimum": 5}


def looked_up(value: Any, *evidence: dict[str, Any], **fields: Any) -> UUID:
    """A run whose first step finds this value, and asks for that evidence."""
    entries.store(Draft(key="result", value=value, scope="tenant"), principal=ADA)
    run_id: UUID = started(action("retrieve", key="result") | {"evidence": list(evidence)} | fields, {"id": "ship"})
    return run_id


def test_what_the_hub_recorded_is_not_handed_in_otherwise():
    run_id = looked_up({"verdict": "failed"}, flag("seen"))
    lease = runs.next_step(run_id, principal=ADA).lease_token or 0
    given: dict[str, Any] = {"principal": ADA, "lease": lease, "evidence": {"seen": True}}
    with pytest.raises(Invalid, match="recorded"):
        runs.complete(run_id, "remember", **given, output={"value": {"verdict": "passed"}})
    runs.complete(run_id, "remember", **given)
    assert output_of(run_id, "remember")["value"] == {"verdict": "failed"}


def test_evidence_that_the_output_gives_stands_and_the_rest_is_handed_in():
    run_id = looked_up(7, number("value"), flag("seen"))
    found = runs.next_step(run_id, principal=ADA)
    assert found.todo is not None
    assert [field["name"] for field in found.todo.fields] == ["seen"]
    given: dict[str, Any] = {"principal": ADA, "lease": found.lease_token or 0}
    with pytest.raises(EvidenceMissing):
        runs.complete(run_id, "remember", **given, evidence={"seen": True, "value": 9})
    for _ in range(2):  # the same again answers the same
        runs.complete(run_id, "remember", **given, evidence={"seen": True})
    assert steps_of(run_id)["remember"].evidence == {"value": 7, "seen": True}


def test_what_is_found_and_does_not_fit_fails_the_step():
    run_id = looked_up(1, number("value"), flag("seen"), on_failure="retry", max_attempts=3)
    assert runs.next_step(run_id, principal=ADA).state == "waiting"
    step = steps_of(run_id)["remember"]
    assert ("at least 5" in step.error, step.evidence, step.output) == (True, {}, None)
    entries.store(Draft(key="result", value=6, scope="tenant"), principal=ADA)
    decide(run_id, decision="retry")
    assert do(run_id, evidence={"seen": True}).status == "running"
    assert steps_of(run_id)["remember"].evidence == {"value": 6, "seen": True}


def test_evidence_that_may_be_left_out_is_not_waited_for():
    run_id = looked_up(7, number("value"), number("other") | {"required": False})
    runs.next_step(run_id, principal=ADA)
    assert statuses(run_id) == ["done", "in_progress"]
