"""The procedures that come with the hub can be followed as they are, by agents and a person."""

from __future__ import annotations

from typing import Any

import pytest

from memoryhub.access.principals import system_principal
from memoryhub.access.walls import behind_walls
from procedures_app.models import Knowledge
from procedures_app.services import defaults, runs
from tests.procedures_app.following import ADA, HUB, TENANT, decide, pass_time, run_of, statuses, take

INPUTS: dict[str, dict[str, Any]] = {
    "memory-first-development": {"task": "Renew the cookie", "repository": "git@example.com:shop"},
    "memory-aware-deployment": {
        "service": "api",
        "version": "v2",
        "previous_version": "v1",
        "environment": "production",
        "changes": "The cookie is renewed",
        "confirm_1": True,
        "confirm_2": True,
    },
    "intelligent-error-resolution": {
        "error": "ConnectionRefusedError: [Errno 111] Connection refused",
        "where": "api in production",
        "repository": "git@example.com:shop",
    },
    "ai-agent-coordination": {"topic": "billing", "goal": "Move the bills"},
    "continuous-learning": {},
    "memory-optimization": {"confirm_1": True},
}
#: What a field wants that is not plain from its type.
EVIDENCE = {"commit": "0a1b2c3d", "procedure": "memory-optimization", "conclusion": "procedure", "mend": "code"}


def value_of(field: dict[str, Any]) -> Any:
    said = {
        "text": "As it should be",
        "number": field.get("minimum", 1),
        "boolean": True,
        "choice": (field.get("choices") or [""])[-1],
        "url": "https://example.com/report",
        "json": [{"task": "one"}],
    }
    return EVIDENCE.get(field["name"], said[field["type"]])


def follow(name: str) -> Any:
    """A run of it from beginning to end, as one agent and one person go through it."""
    run = runs.start(name, principal=ADA, inputs=INPUTS[name])
    for _ in range(40):
        found = runs.next_step(run.pk, principal=ADA)
        if found.state == "over":
            break
        if found.state == "waiting":
            decide(found.run.pk)
        elif found.state == "busy":
            pass_time(60)
        else:
            hand_in(found)
    return run.pk


def hand_in(found: Any) -> None:
    given = {field["name"]: value_of(field) for field in found.todo.fields}
    runs.complete(found.run.pk, found.step.step_id, principal=ADA, lease=found.lease_token, evidence=given)


@pytest.mark.parametrize("name", sorted(INPUTS))
def test_each_can_be_followed_to_its_end(tenant: str, name: str):
    defaults.install(principal=system_principal("test"), tenant_id=TENANT)
    run_id = follow(name)
    assert run_of(run_id).status == "completed", statuses(run_id)
    assert run_of(run_id).compliant
    with behind_walls(HUB):
        assert Knowledge.objects.exists()


def test_what_was_learned_is_found_the_next_time(tenant: str):
    defaults.install(principal=system_principal("test"), tenant_id=TENANT)
    follow("memory-first-development")
    run = runs.start("memory-first-development", principal=ADA, inputs=INPUTS["memory-first-development"])
    found = take(run.pk)
    assert found.step is not None
    assert found.step.step_id == "weigh"
    with behind_walls(HUB):
        output = run.steps.get(step_id="recall").output
    assert output is not None
    assert [one["kind"] for one in output["results"]] == ["knowledge"]
