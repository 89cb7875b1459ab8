"""What persons decide: skipping, deviating, confirming; on sight of the run as it is, and once."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from memoryhub.access.exceptions import Conflict, Forbidden, Invalid, NotFound, ScopeMissing
from memoryhub.access.models import AuditEvent
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls
from procedures_app.exceptions import AlreadyDecided, EvidenceMissing, LeaseLost, RunMoved, RunNotOpen
from procedures_app.models import Approval
from procedures_app.services import runs
from procedures_app.services.runs import approvals
from tests.procedures_app.following import (
    ADA,
    BEN,
    BOSS,
    HUB,
    acting_as,
    decide,
    do,
    events_of,
    flag,
    pass_time,
    reread,
    run_of,
    started,
    statuses,
    steps_of,
    take,
    upkeep_now,
)

pytestmark = pytest.mark.usefixtures("tenant")
UNDO = {"title": "Undo it", "instruction": "Put it back."}
TEST = {"id": "test", "evidence": [flag()]}
DEPLOY = {"id": "deploy", "instruction": "It said {{steps.test.evidence.passed}}."}
SHIP = {"id": "ship"}
DAY = 86_400


def skip(run_id, step_id="test", principal=ADA, reason="No time."):
    return runs.ask_skip(run_id, step_id, principal=principal, reason=reason)


def test_a_skipped_step_has_a_persons_approval():
    run_id = started(TEST, DEPLOY)
    take(run_id)
    approval = skip(run_id)
    assert approval.impact == {"evidence": ["passed"], "later_steps": ["deploy"]}
    assert (approval.asked_by, approval.status, run_of(run_id).status) == ("ada", "pending", "waiting")
    assert approval.run_version == run_of(run_id).version
    assert skip(run_id).pk == approval.pk
    for principal in (ADA, BEN):
        assert runs.next_step(run_id, principal=principal).state == "waiting"
    with pytest.raises(RunNotOpen) as refused:
        runs.complete(run_id, "test", principal=ADA, lease=1, evidence={"passed": True})
    assert refused.value.extra["approval_id"] == str(approval.pk)
    with pytest.raises(RunNotOpen):
        skip(run_id, principal=BEN)
    decided = decide(run_id)
    assert (decided.status, decided.decided_by) == ("approved", "maria")
    assert statuses(run_id) == ["skipped", "ready"]
    ended = do(run_id)
    assert (ended.status, ended.compliant, ended.deviations) == ("completed", False, 1)
    with behind_walls(HUB):
        line = AuditEvent.objects.get(action="procedures.approval.approved")
    assert (line.actor, line.object_id, line.reason) == ("maria", str(approval.pk), "As it should be.")


def test_refused_the_step_is_ready_again():
    run_id = started(TEST, DEPLOY)
    skip(run_id)
    decide(run_id, approve=False)
    assert (run_of(run_id).status, statuses(run_id)) == ("running", ["ready", "pending"])
    assert do(run_id, evidence={"passed": True}).deviations == 0


def test_only_a_person_decides():
    run_id = started(TEST)
    approval = skip(run_id)
    said = {"run_version": run_of(run_id).version, "approve": True, "reason": "I may."}
    admin = acting_as("boss", permissions=frozenset({"read", "write", "admin"}))
    for principal in (ADA, admin, HUB):
        with pytest.raises(Forbidden):
            approvals.decide(approval.pk, principal=principal, **said)  # type: ignore[arg-type]
    auditor = replace(BOSS, permissions=frozenset({"read"}))
    with pytest.raises(ScopeMissing):
        approvals.decide(approval.pk, principal=auditor, **said)  # type: ignore[arg-type]
    elsewhere = replace(BOSS, tenant_id=None, staff_tenants=("other",))
    with pytest.raises(NotFound):
        approvals.decide(approval.pk, principal=elsewhere, **said)  # type: ignore[arg-type]
    everywhere = replace(BOSS, tenant_id=None, staff_tenants=None)
    assert approvals.decide(approval.pk, principal=everywhere, **said).status == "approved"  # type: ignore[arg-type]


def test_a_decision_is_made_once_and_on_sight_of_the_run_as_it_is():
    run_id = started(TEST)
    old = skip(run_id)
    shown = run_of(run_id).version
    approvals.withdraw(old.pk, principal=ADA)
    approval = skip(run_id)
    said = {"principal": BOSS, "approve": True, "reason": "Fine."}
    with pytest.raises(RunMoved) as moved:
        approvals.decide(approval.pk, run_version=shown, **said)  # type: ignore[arg-type]
    assert moved.value.extra["run_version"] == shown + 2
    with pytest.raises(Invalid, match="Only an escalation"):
        approvals.decide(approval.pk, run_version=shown + 2, decision="retry", **said)  # type: ignore[arg-type]
    with pytest.raises(Invalid, match="Say why"):
        approvals.decide(approval.pk, run_version=shown + 2, principal=BOSS, approve=False)
    approvals.decide(approval.pk, run_version=shown + 2, **said)  # type: ignore[arg-type]
    for one, status in ((approval, "approved"), (old, "withdrawn")):
        with pytest.raises(AlreadyDecided) as refused:
            approvals.decide(one.pk, run_version=shown + 3, **said)  # type: ignore[arg-type]
        assert refused.value.extra["status_now"] == status


def test_a_question_is_withdrawn_by_who_asked():
    run_id = started(TEST)
    approval = skip(run_id)
    with pytest.raises(Forbidden):
        approvals.withdraw(approval.pk, principal=BEN)
    assert approvals.withdraw(approval.pk, principal=ADA, reason="Found time.").status == "withdrawn"
    assert take(run_id, BEN).step
    with pytest.raises(AlreadyDecided):
        approvals.withdraw(approval.pk, principal=ADA)
    assert events_of(run_id) == ["run.started", "approval.asked", "approval.withdrawn", "step.taken"]


NAMED_ALIKE = {"ada": replace(acting_as(None, key_id=uuid4()), name="ada"), "key": acting_as(None, key_id=uuid4())}


@pytest.mark.parametrize(
    ("asker", "other"),
    [
        (ADA, NAMED_ALIKE["ada"]),
        (NAMED_ALIKE["ada"], ADA),
        (NAMED_ALIKE["key"], acting_as(None, key_id=uuid4())),
        (NAMED_ALIKE["key"], acting_as(f"key:{NAMED_ALIKE['key'].key_id}")),
    ],
)
def test_nobody_of_the_same_name_takes_a_question_back(asker: Principal, other: Principal):
    run_id = started(TEST)
    approval = skip(run_id, principal=asker)
    with pytest.raises(Forbidden, match="Only who asked"):
        approvals.withdraw(approval.pk, principal=other)
    with pytest.raises(RunNotOpen):  # nor is it theirs when they ask the same
        skip(run_id, principal=other)
    assert skip(run_id, principal=asker).pk == approval.pk
    assert approvals.withdraw(approval.pk, principal=asker).status == "withdrawn"


def test_a_question_from_before_it_was_kept_who_asked_is_for_governors_to_take_back():
    run_id = started(TEST)
    approval = skip(run_id)
    with behind_walls(HUB):
        Approval.objects.filter(pk=approval.pk).update(asked_as="")
    with pytest.raises(Forbidden):
        approvals.withdraw(approval.pk, principal=ADA)
    assert approvals.withdraw(approval.pk, principal=BOSS).status == "withdrawn"


def test_a_question_that_nobody_answers_lapses():
    run_id = started(TEST)
    approval = skip(run_id)
    pass_time(4 * DAY)
    assert upkeep_now()["settled"] == 1
    reread(approval)
    assert (approval.status, statuses(run_id), run_of(run_id).status) == ("expired", ["ready"], "running")


def test_while_another_agent_has_the_step_nobody_else_asks():
    run_id = started(TEST)
    take(run_id, BEN)
    with pytest.raises(LeaseLost, match="ben"):
        skip(run_id)
    skip(run_id, principal=BEN)
    assert steps_of(run_id)["test"].lease_expires_at is None


def test_a_question_needs_a_reason():
    run_id = started(TEST)
    with pytest.raises(Invalid):
        skip(run_id, reason=" ")
    with pytest.raises(Invalid):
        runs.ask_deviation(run_id, "test", principal=ADA, reason="So.", proposal=" ")


def test_an_approved_deviation_asks_for_what_was_proposed():
    run_id = started(TEST, DEPLOY)
    runs.ask_deviation(run_id, "test", principal=ADA, reason="No staging.", proposal="Test on a copy.")
    decide(run_id)
    found = take(run_id)
    assert found.todo is not None
    assert (found.instruction, found.todo.fields) == ("Test on a copy.", [])
    assert found.lease_token
    with pytest.raises(EvidenceMissing):
        runs.complete(run_id, "test", principal=ADA, lease=found.lease_token)
    runs.complete(run_id, "test", principal=ADA, lease=found.lease_token, evidence={"copy": "db-7"})
    again = runs.complete(run_id, "test", principal=ADA, lease=found.lease_token, evidence={"copy": "db-7"})
    assert (statuses(run_id), again.deviations) == (["replaced", "ready"], 1)
    assert do(run_id).compliant is False


def test_a_confirmation_asks_a_person_at_once():
    run_id = started({"id": "agree", "kind": "confirmation", "instruction": "Ship it?"}, SHIP)
    found = runs.next_step(run_id, principal=ADA)
    assert found.approval is not None
    assert (found.state, found.approval.kind, found.approval.reason) == ("waiting", "confirmation", "Ship it?")
    with pytest.raises(RunNotOpen):
        skip(run_id, "agree")
    with pytest.raises(Invalid, match="procedure asks this"):
        approvals.withdraw(found.approval.pk, principal=ADA)
    pass_time(4 * DAY)
    assert (upkeep_now()["settled"], upkeep_now()["settled"]) == (1, 0)
    reread(found.approval)
    assert (found.approval.status, found.approval.overdue) == ("pending", True)
    decide(run_id)
    assert (steps_of(run_id)["agree"].done_by, statuses(run_id)) == ("maria", ["done", "ready"])
    assert do(run_id).compliant is True


def test_a_confirmation_that_is_refused_is_a_failure():
    run_id = started({"id": "agree", "kind": "confirmation", "on_failure": "retry", "max_attempts": 2}, SHIP)
    decide(run_id, approve=False)
    assert statuses(run_id) == ["ready", "pending"]
    pass_time(6)
    assert upkeep_now()["settled"] == 1
    decide(run_id, approve=False)
    found = runs.next_step(run_id, principal=ADA)
    assert found.approval is not None
    assert found.approval.kind == "escalation"
    decide(run_id, decision="fail")
    assert run_of(run_id).status == "failed"


def test_a_confirmation_with_evidence_is_handed_in_first():
    run_id = started({"id": "agree", "kind": "confirmation", "evidence": [flag("ready")]}, SHIP)
    assert do(run_id).status == "waiting"
    again = runs.complete(run_id, "agree", principal=ADA, lease=1, evidence={"ready": True})
    assert again.status == "waiting"
    decide(run_id)
    assert steps_of(run_id)["agree"].evidence == {"ready": True}
    assert statuses(run_id) == ["done", "ready"]


def test_a_late_confirmation_is_marked_and_asked_on():
    run_id = started({"id": "agree", "kind": "confirmation", "time_limit_seconds": 60}, SHIP)
    pass_time(61)
    assert (upkeep_now()["settled"], upkeep_now()["settled"]) == (1, 0)
    assert (steps_of(run_id)["agree"].late, run_of(run_id).status) == (True, "waiting")
    decide(run_id)
    assert do(run_id).compliant is False


def test_time_that_a_question_takes_does_not_count_against_the_limit():
    run_id = started({"id": "test", "time_limit_seconds": 60, "on_failure": "fail"})
    take(run_id)
    skip(run_id)
    pass_time(100)
    decide(run_id, approve=False)
    assert do(run_id).compliant is True


def test_nothing_is_done_otherwise_while_rolling_back():
    run_id = started({"id": "a", "rollback": UNDO}, {"id": "b", "on_failure": "roll_back"})
    do(run_id)
    take(run_id)
    runs.fail(run_id, "b", principal=ADA, lease=1, error="x")
    with pytest.raises(Conflict, match="rolled back"):
        runs.ask_deviation(run_id, "a", principal=ADA, reason="So.", proposal="Else.")
