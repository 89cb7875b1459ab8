"""The procedures that come with the hub: sound, published once, and nobody's changes are undone."""

from __future__ import annotations

import pytest

from memoryhub.access.exceptions import Forbidden
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.walls import behind_walls
from procedures_app import documents
from procedures_app.documents import Document
from procedures_app.models import Procedure, ProcedureVersion
from procedures_app.services import defaults, drafts, procedures, publishing

TITLES = {
    "Memory-First Development",
    "Memory-Aware Deployment",
    "Intelligent Error Resolution",
    "AI Agent Coordination",
    "Continuous Learning",
    "Memory Optimization",
}
SHIPPED = defaults.shipped()


def install(tenant: str) -> list[str]:
    return defaults.install(principal=system_principal("test"), tenant_id=tenant)


def test_there_are_six():
    assert {one["title"] for one in SHIPPED} == TITLES


@pytest.mark.parametrize("document", SHIPPED, ids=lambda one: one["name"])
def test_each_is_sound_and_concrete(document: Document):
    assert documents.check(document, {one["name"]: one for one in SHIPPED}, [], publishing=True) == []
    assert 4 <= len(document["steps"]) <= 8
    for step in document["steps"]:
        assert step["instruction"]
        if step["kind"] == "instruction":
            assert step["evidence"], step["id"]
            assert all(field["description"] for field in step["evidence"])
    assert documents.parse(documents.render(document, "markdown")) == document


def test_they_show_what_procedures_can_do():
    steps = [step for document in SHIPPED for step in document["steps"]]
    assert {step["kind"] for step in steps} == {"instruction", "confirmation", "memory", "procedure"}
    assert {step["action"]["do"] for step in steps if step["kind"] == "memory"} == {
        "search",
        "store",
        "capture_knowledge",
    }
    assert {step["on_failure"] for step in steps} == {"retry", "roll_back", "escalate", "fail"}
    assert any(step["rollback"] for step in steps)


def test_they_are_published_and_repeating_changes_nothing(tenant: str, governor: Principal):
    made = install(tenant)
    assert len(made) == 6
    assert install(tenant) == []
    with behind_walls(governor):
        assert set(Procedure.objects.filter(current__number=1).values_list("current__title", flat=True)) == TITLES
        for document in SHIPPED:
            version = procedures.published(document["name"], principal=governor)
            assert procedures.document_of(version) == document


def test_nobodys_changes_are_undone(tenant: str, governor: Principal):
    install(tenant)
    name = "memory-optimization"
    draft = drafts.save(name, {"title": "Ours", "steps": [{"title": "Do it"}]}, principal=governor)
    publishing.publish(name, principal=governor, revision=draft.revision, note="Ours.", based_on_seen=1)
    procedures.retire("continuous-learning", principal=governor)
    assert install(tenant) == []
    assert procedures.published(name, principal=governor).title == "Ours"
    assert procedures.named("continuous-learning", principal=governor).status == "retired"


def test_a_name_that_is_taken_stays_with_its_owner(tenant: str, governor: Principal):
    drafts.save("memory-first-development", {"title": "Mine"}, principal=governor)
    assert len(install(tenant)) == 5
    with behind_walls(governor):
        # it uses the one that is not published here, so that it waits as a draft
        statuses = ProcedureVersion.objects.filter(procedure__name="intelligent-error-resolution")
        assert list(statuses.values_list("status", flat=True)) == ["draft"]


def test_an_agent_cannot(tenant: str, agent: Principal):
    with pytest.raises(Forbidden):
        defaults.install(principal=agent, tenant_id=tenant)
