"""Drafts and versions: who may, what is compared, and that of several at once one wins."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from memoryhub.access.exceptions import Forbidden, Invalid, NotFound
from memoryhub.access.models import AuditEvent
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls
from memoryhub.search.models import IndexRow
from procedures_app.documents import DocumentInvalid
from procedures_app.exceptions import (
    ChoicesMissing,
    DraftHasErrors,
    DraftStale,
    NotPublished,
    ProcedureInUse,
    ProcedureRetired,
    PublishedMoved,
)
from procedures_app.models import ProcedureVersion
from procedures_app.services import drafts, enforcement, procedures, publishing

NAME = "ship-it"


def said(*titles: str, **fields: Any) -> dict[str, Any]:
    steps = [{"title": title} for title in titles or ("Do it",)]
    return {"title": "Ship it", "summary": "When shipping.", "steps": steps} | fields


def publish(principal: Principal, name: str = NAME, **document: Any) -> ProcedureVersion:
    draft = drafts.save(name, said(**document), principal=principal)
    return publishing.publish(
        name, principal=principal, revision=draft.revision, note="Because.", based_on_seen=draft.based_on
    )


def test_an_agent_drafts_and_a_governor_publishes(agent: Principal, governor: Principal):
    draft = drafts.save(NAME, said("Test", "Deploy"), principal=agent)
    assert (draft.revision, draft.based_on, draft.number) == (1, None, None)
    with pytest.raises(Forbidden, match="admin"):
        publishing.publish(NAME, principal=agent, revision=1, note="Mine.")
    with pytest.raises(NotPublished):
        procedures.published(NAME, principal=agent)
    made = publishing.publish(NAME, principal=governor, revision=1, note=" The first. ")
    assert (made.number, made.note, made.published_by, made.author) == (1, "The first.", "boss", "alden")
    current = procedures.published(NAME, principal=agent)
    with behind_walls(agent):
        assert [one["id"] for one in procedures.document_of(current)["steps"]] == ["test", "deploy"]
        actions = list(
            AuditEvent.objects.filter(object_type="procedure").order_by("at").values_list("action", flat=True)
        )
    assert actions == ["procedures.draft.saved", "procedures.version.published"]


def test_what_is_saved_is_what_comes_back(governor: Principal):
    wanted = said(
        inputs=[{"name": "service"}],
        preconditions=[{"text": "No freeze"}],
        steps=[
            {"title": "Call", "kind": "http", "request": {"url": "https://x/", "save": {"a": "/b"}}, "max_attempts": 2},
            {"title": "Sub", "kind": "procedure", "procedure": "other", "inputs": {"a": [1]}, "agents": ["alden"]},
            {
                "title": "Look",
                "kind": "memory",
                "action": {"do": "search", "with": {"query": "q"}},
                "rollback": {"title": "u"},
            },
        ],
    )
    draft = drafts.save(NAME, wanted, principal=governor)
    with behind_walls(governor):
        document = procedures.document_of(drafts.of(NAME, principal=governor))
    again = drafts.save(NAME, document, principal=governor, if_revision=1)
    assert (again.pk, again.revision) == (draft.pk, 1)
    assert document["steps"][1]["inputs"] == {"a": [1]}


def test_a_draft_is_compared_before_it_is_changed(agent: Principal):
    drafts.save(NAME, said("A"), principal=agent, if_revision=0)
    with pytest.raises(DraftStale) as refused:
        drafts.save(NAME, said("B"), principal=agent, if_revision=0)
    assert refused.value.extra == {"current_revision": 1}
    assert drafts.save(NAME, said("B"), principal=agent, if_revision=1).revision == 2


@pytest.mark.parametrize(("name", "document"), [("Not A Name", {}), (NAME, {"name": "other"}), (NAME, {"steps": 3})])
def test_what_cannot_be_a_draft(agent: Principal, name: str, document: dict[str, Any]):
    with pytest.raises(Invalid):
        drafts.save(name, document, principal=agent)
    with pytest.raises(NotFound):
        drafts.of(NAME, principal=agent)


def test_drafting_takes_write(agent: Principal):
    with pytest.raises(Forbidden):
        drafts.save(NAME, said(), principal=replace(agent, permissions=frozenset({"read"})))


def test_publishing_needs_a_note_a_draft_and_what_was_seen(governor: Principal):
    publish(governor)
    drafts.save(NAME, said("Other"), principal=governor)
    for note, revision, seen, refusal in [
        ("  ", 1, 1, Invalid),
        ("x" * 2_001, 1, 1, Invalid),
        ("Fine", 2, 1, DraftStale),
        ("Fine", 1, None, PublishedMoved),
    ]:
        with pytest.raises(refusal):
            publishing.publish(NAME, principal=governor, revision=revision, note=note, based_on_seen=seen)
    assert publishing.publish(NAME, principal=governor, revision=1, note="Fine", based_on_seen=1).number == 2
    with pytest.raises(NotFound):
        publishing.publish(NAME, principal=governor, revision=1, note="Fine", based_on_seen=2)


def test_a_draft_with_errors_is_not_published(governor: Principal):
    drafts.save(NAME, said(steps=[{"title": "A", "instruction": "{{inputs.x}}"}, {"title": ""}]), principal=governor)
    with pytest.raises(DraftHasErrors) as refused:
        publishing.publish(NAME, principal=governor, revision=1, note="Go")
    assert [one["field"] for one in refused.value.extra["errors"]] == ["steps[0].instruction", "steps[1].title"]


def test_a_discarded_draft_leaves_the_published_version(agent: Principal, governor: Principal):
    publish(governor)
    drafts.save(NAME, said("Worse"), principal=governor)
    with pytest.raises(Forbidden):
        drafts.discard(NAME, principal=agent)
    drafts.discard(NAME, principal=governor, if_revision=1)
    with pytest.raises(NotFound):
        drafts.of(NAME, principal=agent)
    fresh = drafts.save(NAME, said("Better"), principal=agent)
    assert (fresh.based_on, fresh.revision) == (1, 1)


def test_steps_keep_their_ids_from_version_to_version(governor: Principal):
    publish(governor, steps=[{"title": "Run the tests"}, {"title": "Deploy"}])
    draft = drafts.save(NAME, said("Deploy", "Run all the tests"), principal=governor)
    with behind_walls(governor):
        assert [one["id"] for one in procedures.document_of(draft)["steps"]] == ["deploy", "run-the-tests"]


def test_retired_procedures_are_followed_by_nobody_new(governor: Principal, agent: Principal):
    publish(governor)
    with pytest.raises(Forbidden):
        procedures.retire(NAME, principal=agent)
    procedures.retire(NAME, principal=governor, reason="Old.")
    with pytest.raises(ProcedureRetired):
        procedures.published(NAME, principal=agent)
    drafts.save("user", said(steps=[{"title": "Sub", "kind": "procedure", "procedure": NAME}]), principal=governor)
    with pytest.raises(DraftHasErrors):
        publishing.publish("user", principal=governor, revision=1, note="Uses a retired one.")
    procedures.activate(NAME, principal=governor)
    publishing.publish("user", principal=governor, revision=1, note="Uses it.")
    with pytest.raises(ProcedureInUse) as refused:
        procedures.retire(NAME, principal=governor)
    assert refused.value.extra["used_by"] == ["the procedure user"]


def test_what_a_rule_asks_for_is_not_retired(governor: Principal):
    publish(governor)
    enforcement.set_rule("deployment", principal=governor, mode="strict", procedure=NAME)
    with pytest.raises(ProcedureInUse, match="the rule for deployment"):
        procedures.retire(NAME, principal=governor)


def test_other_tenants_have_their_own(governor: Principal, make_key: Any):
    from tests.procedures_app.conftest import principal_of

    publish(governor)
    other = principal_of(make_key(tenant="other", agent="boss", scopes=("read", "write", "admin")))
    for ask in (procedures.published, drafts.of, procedures.retire, procedures.named):
        with pytest.raises(NotFound):
            ask(NAME, principal=other)
    assert publish(other).number == 1


def test_a_document_names_the_errors(agent: Principal):
    with pytest.raises(DocumentInvalid) as refused:
        drafts.save(NAME, said(steps=[{"kind": "x"}]), principal=agent)
    assert refused.value.extra["errors"][0]["field"] == "steps[0].kind"


def test_a_draft_whose_base_is_old_is_brought_up_to_date(governor: Principal, agent: Principal):
    steps = [{"id": one, "title": one.upper()} for one in "abc"]
    publish(governor, steps=steps)
    publish(governor, steps=[*steps, {"id": "d", "title": "D"}], title="Theirs")
    mine = said(steps=[steps[1], steps[0], steps[2]], title="Mine")
    with pytest.raises(Invalid, match="no published version 7"):
        drafts.save(NAME, mine, principal=agent, based_on=7)
    assert drafts.save(NAME, mine, principal=agent, based_on=1).based_on == 1
    with pytest.raises(PublishedMoved) as moved:
        publishing.publish(NAME, principal=governor, revision=1, note="Old base.", based_on_seen=2)
    assert moved.value.extra == {"current_version": 2, "based_on": 1}
    with pytest.raises(ChoicesMissing) as undecided:
        drafts.rebase(NAME, principal=agent)
    assert [one["field"] for one in undecided.value.extra["errors"]] == ["/title"]
    done = drafts.rebase(NAME, principal=agent, choices={"/title": "draft"}, if_revision=1)
    assert (done.draft.based_on, done.draft.revision, done.draft.title) == (2, 2, "Mine")
    with behind_walls(agent):
        assert [one["id"] for one in procedures.document_of(done.draft)["steps"]] == ["b", "a", "c", "d"]
    assert publishing.publish(NAME, principal=governor, revision=2, note="Both.", based_on_seen=2).number == 3


def test_published_procedures_are_found(governor: Principal):
    publish(governor, kind="deployment")
    with behind_walls(governor):
        [row] = IndexRow.objects.filter(kind="procedure")
        assert (row.category, row.version, row.archived) == ("deployment", 1, False)
        assert row.content == "Ship it\nWhen shipping.\nDo it"
    procedures.retire(NAME, principal=governor)
    with behind_walls(governor):
        assert IndexRow.objects.get(kind="procedure").archived


def test_agents_that_nobody_knows_are_pointed_out(agent: Principal):
    steps = [{"title": "A", "agents": ["alden", "nobody"]}]
    draft = drafts.save(NAME, said(steps=steps), principal=agent)
    [found] = drafts.problems(draft, principal=agent)
    assert (found.path, found.level) == ("steps[0].agents[1]", "warning")


def test_a_draft_whose_answer_was_lost_is_answered_again(agent: Principal, governor: Principal):
    for seen, title in enumerate(("Do it", "Do it well")):
        for _ in range(2):
            assert drafts.save(NAME, said(title), principal=agent, if_revision=seen).revision == seen + 1
    with pytest.raises(DraftStale):
        drafts.save(NAME, said("Do it better"), principal=agent, if_revision=1)
    with pytest.raises(DraftStale):
        drafts.save(NAME, said("Do it well"), principal=governor, if_revision=1)
