"""Runs of procedures on a busy day: one under way, some that wait for a person, some that are over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import Group, User
from django.db import connection, transaction
from django.utils import timezone

from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import agents, keys
from memoryhub.access.walls import behind_walls
from procedures_app.models import Approval, Run
from procedures_app.services import drafts, publishing, runs
from tests.browser.scenes import agent
from tests.browser.seed import HOSTILE, LOGIN, PASSWORD, ids

SYSTEM = system_principal("demo", "acme")
EDITOR = "edda"


def field(name: str, says: str, kind: str = "text", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "required": True, "description": says, **more}


SHIP: dict[str, Any] = {
    "title": "Ship the search index",
    "summary": "Whenever a new index goes to production.",
    "kind": "deployment",
    "inputs": [field("build", "Which build"), field("region", "Where to")],
    "steps": [
        {"id": "read-notes", "title": "Read the notes of the last release",
         "instruction": "Look up what went wrong last time, and say what of it matters for {{inputs.build}}.",
         "evidence": [field("lesson", "What matters this time")]},
        {"id": "build", "title": "Build the index", "instruction": "Build {{inputs.build}} and note its checksum.",
         "evidence": [field("checksum", "SHA-256 of the index"), field("documents", "How many", "number")]},
        {"id": "smoke-test", "title": "Run the smoke test", "max_attempts": 2, "on_failure": "retry",
         "instruction": "Ask the ten questions of the smoke test against the new index. All have to be answered.",
         "evidence": [field("passed", "Whether all ten were answered", "boolean", must_be=True),
                      field("report", "Where the report is", "url")]},
        {"id": "window", "title": "Agree on the window", "kind": "confirmation",
         "instruction": "A person confirms that {{inputs.region}} may be switched now."},
        {"id": "switch", "title": "Switch the region", "time_limit_seconds": 3600,
         "instruction": "Point {{inputs.region}} to the index with {{steps.build.evidence.checksum}}.",
         "evidence": [field("at", "When it was switched")],
         "rollback": {"kind": "instruction", "title": "Point back", "instruction": "Point the region back."}},
        {"id": "announce", "title": "Tell the team",
         "instruction": "Post {{steps.smoke-test.evidence.report}} and {{steps.switch.evidence.at}}.", "evidence": []},
    ],
}  # fmt: skip
REFUND: dict[str, Any] = {
    "title": "Refund a customer",
    "summary": "For refunds above the limit of the support desk.",
    "kind": "refund",
    "inputs": [field("invoice", "Number of the invoice")],
    "steps": [
        {"id": "check", "title": "Check the invoice", "instruction": "Does {{inputs.invoice}} allow a refund?",
         "evidence": [field("amount", "In EUR", "number")]},
        {"id": "agree", "title": "Ask the billing lead", "kind": "confirmation",
         "instruction": "The billing lead agrees to {{steps.check.evidence.amount}} EUR."},
        {"id": "pay", "title": "Pay it back", "instruction": "Pay, and keep the receipt.",
         "evidence": [field("receipt", "Number of the receipt")]},
    ],
}  # fmt: skip


def play() -> dict[str, str]:
    """The ids that the tests open, by name."""
    people()
    for name, document in (("ship-search-index", SHIP), ("refund-customer", REFUND)):
        published(name, document)
    made = {"run_open": under_way(), "run_done": completed(), "run_failed": failed(), "run_hostile": hostile()}
    asked = {
        "approval": skipping(),
        "approval_failed": escalated(),
        "approval_confirm": confirming(),
        "approval_other": deviating(),
    }
    small_ones()
    aged()
    _, key = keys.create(principal=SYSTEM, tenant_id="acme", agent_id="deploy-bot", scopes=["read", "write"], name="ci")
    return ids(**made, **asked, deploy_key=key, run_walked=shipping("search-4.3.0"))


def people() -> None:
    edda = User.objects.create_user(EDITOR, password=PASSWORD, is_staff=True, first_name="Edda", last_name="Lund")
    edda.groups.set(Group.objects.filter(name="Procedure editor"))
    for name in ("deploy-bot", "billing-bot"):
        agents.ensure(principal=SYSTEM, tenant_id="acme", agent_id=name)


def published(name: str, document: dict[str, Any]) -> None:
    ada = User.objects.get(username=LOGIN)
    held = frozenset({"read", "write", "admin"})
    boss = Principal(kind="staff", name=LOGIN, tenant_id="acme", permissions=held, staff_pk=ada.pk)
    draft = drafts.save(name, document, principal=boss)
    publishing.publish(name, principal=boss, revision=draft.revision, note="First version.", based_on_seen=None)


DEPLOYS = agent("deploy-bot")
BILLS = agent("billing-bot")
NOTES = {"lesson": "The warm-up took longer than the window; start it first."}
BUILT = {"checksum": "9f31c2d4a0b76e55", "documents": 182_403}


def shipping(build: str, region: str = "eu-central") -> UUID:
    started = runs.start("ship-search-index", principal=DEPLOYS, inputs={"build": build, "region": region})
    return started.pk


def refunding(invoice: str) -> UUID:
    return runs.start("refund-customer", principal=BILLS, inputs={"invoice": invoice}).pk


def token(run_id: UUID, who: Principal = DEPLOYS) -> int:
    found = runs.next_step(run_id, principal=who, lease_seconds=1800)
    assert found.lease_token is not None, found
    return found.lease_token


def do(run_id: UUID, step_id: str, evidence: dict[str, Any], who: Principal = DEPLOYS) -> None:
    runs.complete(run_id, step_id, principal=who, lease=token(run_id, who), evidence=evidence)


def built(build: str) -> UUID:
    run_id = shipping(build)
    do(run_id, "read-notes", NOTES)
    do(run_id, "build", BUILT)
    return run_id


def under_way() -> UUID:
    run_id = built("search-4.2.0")
    token(run_id)
    return run_id


def skipping() -> UUID:
    run_id = built("search-4.1.9")
    reason = "The rig for the smoke test is down since noon, and this build only changes the order of two fields."
    return runs.ask_skip(run_id, "smoke-test", principal=DEPLOYS, reason=reason).pk


def deviating() -> UUID:
    run_id = shipping("search-4.1.8")
    do(run_id, "read-notes", NOTES)
    return runs.ask_deviation(
        run_id, "build", principal=DEPLOYS, reason="The build machine has no disk left.",
        proposal="Take last night's index from the archive and check its checksum against the one in the notes.",
    ).pk  # fmt: skip


def escalated() -> UUID:
    run_id = built("search-4.1.7")
    error = "TimeoutError: the third question was not answered within 30 seconds (eu-central-2)"
    for _ in range(2):
        with behind_walls(SYSTEM):  # the pause before the second attempt is over
            Run.objects.get(pk=run_id).steps.update(next_attempt_at=None)
        runs.fail(run_id, "smoke-test", principal=DEPLOYS, lease=token(run_id), error=error)
    return pending(run_id)


def confirming() -> UUID:
    run_id = refunding("INV-2091")
    do(run_id, "check", {"amount": 640}, BILLS)
    runs.next_step(run_id, principal=BILLS)
    return pending(run_id)


def pending(run_id: UUID) -> UUID:
    with behind_walls(SYSTEM):
        found: UUID = Approval.objects.get(run=run_id, status="pending").pk
    return found


def completed() -> UUID:
    """A procedure without a person in it, from its first step to its last."""
    published("rotate-signing-key", ROTATE)
    run_id = runs.start("rotate-signing-key", principal=DEPLOYS).pk
    do(run_id, "make", {"fingerprint": "SHA256:6f3b…"})
    do(run_id, "retire", {})
    return run_id


ROTATE: dict[str, Any] = {
    "title": "Rotate the signing key",
    "kind": "maintenance",
    "steps": [
        {"id": "make", "title": "Make the new key", "instruction": "In the vault, never on disk.",
         "evidence": [field("fingerprint", "Of the new key")]},
        {"id": "retire", "title": "Retire the old one", "instruction": "After a day without use.", "evidence": []},
    ],
}  # fmt: skip


def failed() -> UUID:
    run_id = refunding("INV-1877")
    with behind_walls(SYSTEM):
        Run.objects.filter(pk=run_id).update(
            status="failed", finished_at=timezone.now(), compliant=False, outcome_reason="The invoice is not ours."
        )
        Run.objects.get(pk=run_id).steps.filter(position=1).update(status="failed", error="Invoice of another seller.")
    return run_id


def hostile() -> UUID:
    run_id = runs.start("ship-search-index", principal=DEPLOYS, inputs={"build": HOSTILE, "region": HOSTILE}).pk
    do(run_id, "read-notes", {"lesson": HOSTILE})
    runs.ask_skip(run_id, "build", principal=DEPLOYS, reason=HOSTILE)
    return run_id


def small_ones() -> None:
    """Confirmations for the tests to decide, each its own."""
    for number in range(6):
        run_id = refunding(f"INV-30{number:02}")
        do(run_id, "check", {"amount": 510 + 10 * number}, BILLS)
        runs.next_step(run_id, principal=BILLS)


#: Everything of a run is moved back, so that it took its time: event n happened 2n - 3 minutes after the beginning.
AGES = """
CREATE TEMPORARY TABLE began ON COMMIT DROP AS
SELECT id, now() - make_interval(mins => CASE inputs->>'build' WHEN 'search-4.1.7' THEN 1600
  WHEN 'search-4.1.9' THEN 190 WHEN 'search-4.1.8' THEN 200 ELSE 26 END) AS at FROM procedure_runs;
UPDATE procedure_runs r SET started_at = b.at, finished_at =
  CASE WHEN finished_at IS NOT NULL THEN b.at + make_interval(mins => greatest(event_count, 2) * 2 - 3) END
FROM began b WHERE b.id = r.id;
UPDATE procedure_step_runs s SET started_at = b.at + make_interval(mins => position * 4 - 3),
  finished_at = CASE WHEN finished_at IS NOT NULL THEN b.at + make_interval(mins => position * 4 - 1) END
FROM began b WHERE b.id = s.run_id AND s.started_at IS NOT NULL;
WITH gone AS (DELETE FROM procedure_run_events RETURNING *)
INSERT INTO procedure_run_events (id, tenant_id, run_id, number, event, step_id, actor, detail, at)
SELECT g.id, tenant_id, run_id, number, event, step_id, actor, detail,
  b.at + make_interval(mins => greatest(number * 2 - 3, 0))
FROM gone g JOIN began b ON b.id = g.run_id;
UPDATE procedure_approvals a SET created_at = e.at, expires_at = e.at + interval '72 hours'
FROM procedure_run_events e WHERE e.run_id = a.run_id AND e.event = 'approval.asked';
UPDATE procedure_approvals a SET expires_at = now() - interval '2 hours'
FROM procedure_runs r WHERE r.id = a.run_id AND r.inputs->>'build' = 'search-4.1.7';
"""


def aged() -> None:
    """What only time brings."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(AGES)
    stuck = shipping("search-4.1.6", "us-east")
    with behind_walls(SYSTEM):
        before = timezone.now() - timedelta(hours=5)
        Run.objects.filter(pk=stuck).update(started_at=before, updated_at=before)
