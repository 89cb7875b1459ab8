"""Procedures as a team has them: in force with a draft, with a draft that is behind, retired, begun."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from memoryhub.access.principals import ALL_PERMISSIONS, Principal
from procedures_app.models import Run
from procedures_app.services import drafts, procedures, publishing
from tests.browser.seed import HOSTILE, ids

TENANT = "acme"
RUN_ALL = "Run the whole suite for {{inputs.version}}:\n\n    make test\n\nA flaky test is a failing test."

RELEASE: dict[str, Any] = {
    "title": "Ship a release",
    "summary": "For every release of the web application. Not for hot fixes: those follow “Mend production”.",
    "kind": "deployment",
    "tags": ["release", "web"],
    "inputs": [
        {"name": "version", "type": "text", "pattern": r"\d+\.\d+\.\d+", "description": "What is shipped, as in 4.2.0"},
        {"name": "environment", "type": "choice", "choices": ["staging", "production"], "default": "staging"},
    ],
    "preconditions": [
        {"text": "The change log names everything that users notice", "check": None},
    ],
    "steps": [
        {
            "id": "search-memory",
            "kind": "memory",
            "title": "Look up what went wrong last time",
            "action": {"do": "search", "with": {"query": "release {{inputs.environment}} failed", "limit": 5}},
        },
        {
            "id": "run-the-tests",
            "title": "Run the tests",
            "instruction": RUN_ALL,
            "evidence": [
                {"name": "passed", "type": "boolean", "must_be": True, "description": "Every test passed"},
                {"name": "report", "type": "url", "description": "Where the report is"},
            ],
            "time_limit_seconds": 3600,
            "max_attempts": 2,
            "on_failure": "retry",
        },
        {
            "id": "ask-for-approval",
            "kind": "confirmation",
            "title": "Ask for approval",
            "instruction": "The owner looks at {{steps.run-the-tests.evidence.report}} and says yes or no.",
            "preconditions": [
                {
                    "text": "Production needs a person",
                    "check": {"path": "inputs.environment", "op": "equals", "value": "production"},
                    "otherwise": "skip",
                }
            ],
        },
        {
            "id": "deploy",
            "title": "Deploy",
            "instruction": "Deploy {{inputs.version}} to {{inputs.environment}}, one node at a time.",
            "agents": ["planner", "support-bot"],
            "evidence": [{"name": "healthy", "type": "boolean", "must_be": True, "description": "All green"}],
            "on_failure": "roll_back",
            "rollback": {"kind": "instruction", "title": "Deploy the version before", "instruction": "Put it back."},
        },
        {
            "id": "tell",
            "title": "Tell the team",
            "instruction": "Write what changed, and for whom.",
            "evidence": [{"name": "link", "type": "url", "description": "The announcement"}],
        },
    ],
}  # fmt: skip
TRIAGE: dict[str, Any] = {
    "title": "Triage an incident",
    "summary": "From the first alert to somebody who owns it.",
    "kind": "incident",
    "inputs": [{"name": "alert", "type": "url", "description": "What fired"}],
    "steps": [
        {"id": "read", "title": "Read the alert", "instruction": "Read {{inputs.alert}} and the last hour of logs."},
        {"id": "severity", "title": "Choose a severity", "instruction": "By the number of customers who notice.",
         "evidence": [{"name": "severity", "type": "choice", "choices": ["low", "high", "critical"]}]},
        {"id": "owner", "title": "Find an owner", "instruction": "Ask in the channel of the service."},
    ],
}  # fmt: skip


RESET = {"id": "reset", "title": "Reset", "instruction": "Load the sample data."}


def person(name: str) -> Principal:
    return Principal(kind="staff", name=name, tenant_id=TENANT, permissions=ALL_PERMISSIONS)


def play() -> dict[str, str]:
    release, triage = released(), incident()
    retired("reset-the-demo", "Reset the demo")
    begun = drafts.save(
        "onboard-a-customer", {"title": "Onboard a customer", "steps": TRIAGE["steps"][:1]},
        principal=person("mia"), if_revision=0,
    )  # fmt: skip
    hostile = {"title": HOSTILE, "summary": HOSTILE, "steps": [{"id": "x", "title": HOSTILE, "instruction": HOSTILE}]}
    bad = drafts.save("hostile", hostile, principal=person("mia"), if_revision=0)
    pk = {
        "procedure": release,
        "procedure_behind": triage,
        "first_draft": begun.procedure_id,
        "hostile_procedure": bad.procedure_id,
    }
    return ids(**pk)  # fmt: skip


def publish(name: str, document: dict[str, Any], note: str, by: str = "ada") -> None:
    who = person(by)
    draft = drafts.save(name, document, principal=who)
    newest = drafts.newest_number(draft.procedure)
    publishing.publish(name, principal=who, revision=draft.revision, note=note, based_on_seen=newest)


def released() -> Any:
    """Version 2 is in force with some runs, and Ben writes on: a step moved up, one is new, a text changed."""
    first = RELEASE | {"steps": [RELEASE["steps"][1], *RELEASE["steps"][3:]]}
    publish("ship-a-release", first, "As we have always done it.")
    publish("ship-a-release", RELEASE, "Memory is asked first, and production needs an approval.", "ben")
    found = procedures.named("ship-a-release", principal=person("ada"))
    for number in range(14):
        ran(found, over=number > 1, compliant=number != 5, ago=number * 30)
    steps = [dict(step) for step in RELEASE["steps"]]
    steps[1] |= {"instruction": RUN_ALL.replace("suite", "suite twice")}
    new = {"id": "watch", "title": "Watch the figures for ten minutes", "instruction": "Errors, latency, sign-ins.",
           "evidence": [{"name": "calm", "type": "boolean", "description": "Nothing unusual"}]}  # fmt: skip
    draft = RELEASE | {"steps": [steps[1], steps[0], *steps[2:4], new, steps[4]]}
    drafts.save("ship-a-release", draft, principal=person("ben"))
    return found.pk


def ran(procedure: Any, *, over: bool, compliant: bool, ago: int) -> None:
    began = timezone.now() - timedelta(hours=ago)
    ended = {"status": "completed", "compliant": compliant, "finished_at": began + timedelta(hours=1)} if over else {}
    Run.objects.create(
        tenant_id=TENANT, procedure=procedure, procedure_version=procedure.current, agent_id="planner",
        started_at=began, **ended,
    )  # fmt: skip


def incident() -> Any:
    """Mia's draft began from version 1, and version 2 was published since."""
    read, severity, owner = TRIAGE["steps"]
    tell = {"id": "tell", "title": "Tell the status page", "instruction": "One sentence, no guesses."}
    payers = severity | {"instruction": "By the number of paying customers who notice."}
    longer = severity | {"instruction": "By the number of customers who notice, and for how long."}
    publish("triage-an-incident", TRIAGE, "The first one.")
    publish("triage-an-incident", TRIAGE | {"steps": [read, payers, owner, tell]}, "The status page is told.", "otto")
    mine = TRIAGE | {"steps": [read, longer, owner | {"title": "Find somebody who owns it"}]}
    return drafts.save("triage-an-incident", mine, principal=person("mia"), based_on=1).procedure_id


def retired(name: str, title: str) -> None:
    publish(name, {"title": title, "summary": "Before a demonstration.", "steps": [RESET]}, "For the fair.")
    procedures.retire(name, principal=person("ada"), reason="The demo resets itself now.")
