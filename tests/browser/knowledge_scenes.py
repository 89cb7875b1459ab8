"""What the agents of Acme learned and did: problems with solutions that work, fail and contradict; operations; runs."""

from __future__ import annotations

from datetime import timedelta

from django.db import connection

from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.walls import behind_walls
from procedures_app.models import Knowledge, Operation
from procedures_app.services import curation, enforcement, errors, knowledge, solutions
from tests.browser.seed import HOSTILE, ids
from tests.procedures_app import rows
from tests.procedures_app.admin.running import STEPS, happened, run

SYSTEM = system_principal("demo", "acme")
ADA = Principal(kind="staff", name="ada", tenant_id="acme", permissions=frozenset({"read", "write", "admin"}))
AGENTS = ("planner", "researcher", "support-bot", "billing-bot")
POOL = "QueuePool limit of size 20 overflow 10 reached, connection timed out, timeout {seconds}.00"
TIMEOUT = "ReadTimeout: HTTPSConnectionPool(host='billing.acme.example', port=443): Read timed out. (read timeout=10)"
DISK = "OSError: [Errno 28] No space left on device: '/var/lib/exports/{name}.csv'"
WORKED = {
    "Raise the pool to 40 and restart the workers one by one.": (True,) * 7 + (False,),
    "Restart the database.": (True,) + (False,) * 4,
}


def agent(name: str) -> Principal:
    return Principal(
        kind="key", name=name, tenant_id="acme", agent_id=name, permissions=frozenset({"read", "write"})
    )  # fmt: skip


def play() -> dict[str, str]:
    pool = pool_problem()
    made = {"knowledge": pool.pk, **smaller_things(pool)}
    done = operations(pool)
    procedure_runs()
    spread()
    return ids(**made, **done)


def pool_problem() -> Knowledge:
    """Met often, one solution works, another fails, nobody has verified it."""
    first = errors.capture(
        principal=agent("billing-bot"), message=POOL.format(seconds=30), error_type="TimeoutError",
        context={"service": "billing", "replica": "eu-2"},
    )  # fmt: skip
    problem = first.error.knowledge
    assert problem is not None
    tried = [solutions.add(problem.pk, principal=agent("researcher"), text=text) for text in WORKED]
    for solution, told in zip(tried, WORKED.values(), strict=True):
        for number, worked in enumerate(told):
            solutions.feedback(solution.pk, principal=agent(f"support-bot-{number}"), worked=worked)
    for number, name in enumerate(("billing-bot", "support-bot", "planner", "billing-bot"), 31):
        met = errors.capture(principal=agent(name), message=POOL.format(seconds=number), error_type="TimeoutError")
        if name != "planner":
            solutions.feedback(tried[0].pk, principal=agent(name), worked=True, error_id=met.error.pk)
    return knowledge.change(
        problem.pk,
        principal=ADA,
        reason="Said in words what it is.",
        title="The connection pool of a service is exhausted",
        problem_description="More requests wait for a connection than the pool can give. Usually after a traffic peak, "
        "or when a slow query holds connections for long.",
        tags=["database", "billing"],
        importance=0.8,
    )


def smaller_things(pool: Knowledge) -> dict[str, object]:
    for name in ("q3", "q4", "2027"):
        errors.capture(principal=agent("researcher"), message=DISK.format(name=name))
    for _ in range(2):
        twin = errors.capture(principal=agent("planner"), message=TIMEOUT).error.knowledge
    assert twin is not None
    solutions.add(twin.pk, principal=agent("planner"), text="Ask again after 30 seconds, at most three times.")
    practice = knowledge.capture(
        principal=agent("researcher"),
        title="Quote the source of every number",
        content="Maya Chen and two other customers asked for sources within a week. Answers with a source get no "
        "question back.",
        knowledge_type="best_practice",
        tags=["support"],
    ).knowledge
    curation.verify(practice.pk, principal=ADA)
    old = knowledge.capture(principal=agent("planner"), title="Exports run at night", content="Until March.").knowledge
    curation.archive(old.pk, principal=ADA, reason="Exports run at any time now.")
    hostile = knowledge.capture(
        principal=agent("planner"), title=HOSTILE, content={"error": HOSTILE, "cause": HOSTILE}, solution=HOSTILE
    ).knowledge
    return {"twin": twin.pk, "practice": practice.pk, "hostile_knowledge": hostile.pk}


def operations(pool: Knowledge) -> dict[str, object]:
    guidance = {
        "confidence": 0.92,
        "primary_recommendation": {
            "type": "solution",
            "title": pool.title,
            "text": next(iter(WORKED)),
            "why": "What it solves is like the task; it helped in 10 of 11 tries.",
            "knowledge": str(pool.pk),
        },
        "known_solutions": [{"title": pool.title, "text": next(iter(WORKED)), "confidence": 0.97}],
        "similar_work": [
            {
                "says": "Raised the pool of the search service. Done last week by support-bot, with success.",
                "likeness": 0.81,
            }
        ],
        "procedures": [],
        "warnings": [{"code": "failed_before", "text": "Restarting the database failed 4 of 5 times."}],
        "already_done": None,
    }
    task = "Get billing to answer again: requests wait for a connection"
    done = rows.operation(
        "acme", task, kind="incident", agent_id="billing-bot", guidance=guidance, confidence=0.92,
        result={"pool": 40, "restarted": ["billing-1", "billing-2"]}, duration_ms=412_000,
    )  # fmt: skip
    rows.work("acme", "Raised the pool of billing to 40", kind="incident", agent_id="billing-bot", operation=done)
    other_work()
    # a kind that no run of the other scenes has: a test makes it strict
    rule = enforcement.set_rule("billing_run", principal=ADA, mode="advise", note="Strict from January.")
    enforcement.set_rule("incident", principal=ADA, mode="strict")
    return {"operation": done.pk, "rule": rule.pk}


def other_work() -> None:
    for number, (name, asked) in enumerate(zip(AGENTS * 4, (True, True, False, True) * 4, strict=True)):
        kind = ("deployment", "research", "billing_run")[number % 3]
        said = {"kind": kind, "agent_id": name, "success": number % 7 != 0, "duration_ms": 900 * number}
        begun = None
        if asked:
            status = "succeeded" if said["success"] else "failed"
            begun = rows.operation("acme", f"Piece of work {number}", kind=kind, agent_id=name, status=status)
        rows.work("acme", f"Piece of work {number}", operation=begun, **said)
    rows.operation("acme", "Write the report of the quarter", kind="research", agent_id="researcher", status="begun")


def procedure_runs() -> None:
    """Globex ships every day, mostly as written; none of these runs waits for anybody."""
    done = dict.fromkeys(STEPS, "done")
    for number in range(9):
        well, name = number not in (3, 6), ("release", "incident-review")[number % 2]
        over = run(
            name, tenant="globex", steps=done, agent_id=("ops-bot", "night-bot")[number % 3 == 0], status="completed",
            compliant=well, deviations=int(not well), ago=60 * 24 * (2 + number),
        )  # fmt: skip
        with behind_walls(system_principal("demo", "globex")):
            over.finished_at = over.started_at + timedelta(minutes=4 + number)
            over.save(update_fields=["finished_at"])
        if not well:
            happened(over, "step.refused", step_id="ship")


SPREAD = """
UPDATE captured_errors SET created_at = created_at - make_interval(hours => (hashtext(id::text) & 63)::int);
UPDATE memory_operations SET begun_at = begun_at - make_interval(mins => 7 + (hashtext(id::text) & 255)::int);
"""


def spread() -> None:
    """What only time brings."""
    with connection.cursor() as cursor:
        cursor.execute(SPREAD)
    assert Operation.objects.exists()
