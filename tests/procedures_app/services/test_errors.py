"""An error is kept with its context, counted for the problem that it is, and makes a problem where it is new."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils.timezone import now

from memoryhub.access.exceptions import Invalid, NotFound, ScopeMissing, TooLarge
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.walls import behind_walls
from procedures_app.models import CapturedError, Feedback, Knowledge
from procedures_app.services import curation, errors, knowledge, problems, solutions
from procedures_app.services.errors import ErrorCaptured
from sessions_app.services import sessions

pytestmark = pytest.mark.django_db
Caller = Callable[..., Principal]
REFUSED = "ConnectionRefusedError: [Errno 111] Connection refused: postgres at 10.0.3.17:5432"
REFUSED_ELSEWHERE = "ConnectionRefusedError: [Errno 111] Connection refused: postgres at 10.9.1.4:6432"
FULL = "OSError: [Errno 28] No space left on device: '/var/lib/app/cache'"


def capture(principal: Principal, message: str = REFUSED, **fields: Any) -> ErrorCaptured:
    return errors.capture(principal=principal, message=message, **fields)


def count() -> int:
    with behind_walls(system_principal("test", "acme")):
        return Knowledge.objects.count()


def test_a_new_error_makes_a_problem_that_holds_no_raw_text(caller: Caller):
    found = capture(caller("ann", user="bob"), context={"host": "db-1", "password": "hunter2"})
    assert found.match is None
    error = found.error
    assert (error.message, error.context["password"], error.agent_id, error.user_id) == (
        REFUSED, "hunter2", "ann", "bob",
    )  # fmt: skip
    assert (error.matched_by, error.error_type) == ("new", "ConnectionRefusedError")
    row = knowledge.get(error.knowledge_id, principal=caller())  # type: ignore[arg-type]
    assert (row.user_id, row.occurrences, row.knowledge_type, row.author) == (None, 1, "error_pattern", "ann")
    for said in (row.title, row.text, str(row.content), row.template):
        assert "10.0.3.17" not in said
        assert "hunter2" not in said


def test_the_like_of_it_gets_the_solution(caller: Caller):
    first = capture(caller("ann")).error
    solution = solutions.add(first.knowledge_id, principal=caller("ann"), text="Start postgres")  # type: ignore[arg-type]
    found = capture(caller("bob"), REFUSED_ELSEWHERE)
    assert found.match is not None
    assert (found.match.matched_by, found.match.solutions[0].pk) == ("signature", solution.pk)
    assert 0.8 < found.match.confidence < 1
    assert (found.error.knowledge_id, found.error.solution_id, found.error.matched_by) == (
        first.knowledge_id, solution.pk, "signature",
    )  # fmt: skip
    assert knowledge.get(first.knowledge_id, principal=caller()).occurrences == 2  # type: ignore[arg-type]
    assert count() == 1


def test_what_is_merely_alike_counts_for_itself_but_is_told(caller: Caller, monkeypatch: pytest.MonkeyPatch):
    first = capture(caller(), "TimeoutError: reading from the billing queue took too long").error
    solutions.add(first.knowledge_id, principal=caller(), text="Drain the queue")  # type: ignore[arg-type]
    monkeypatch.setattr("django.conf.settings.CONFIG.procedures.confident", 1.0)
    found = capture(caller(), "TimeoutError: reading from the billing queue was too slow")
    assert found.match is not None
    assert (found.match.matched_by, found.match.knowledge.pk) == ("likeness", first.knowledge_id)
    assert (found.error.matched_by, found.error.knowledge_id == first.knowledge_id) == ("new", False)


def test_another_error_is_another_problem(caller: Caller):
    first, second = capture(caller()), capture(caller(), FULL)
    assert second.match is None
    assert first.error.knowledge_id != second.error.knowledge_id


def test_an_error_of_a_problem_that_was_merged_counts_for_the_kept_one(caller: Caller, governor: Principal):
    first, second = capture(caller()).error, capture(caller(), FULL).error
    curation.merge(first.knowledge_id, second.knowledge_id, principal=governor)  # type: ignore[arg-type]
    found = capture(caller(), FULL)
    assert (found.error.knowledge_id, found.error.matched_by) == (first.knowledge_id, "signature")
    assert knowledge.get(first.knowledge_id, principal=caller()).occurrences == 3  # type: ignore[arg-type]


def test_what_was_archived_begins_anew(caller: Caller, governor: Principal):
    first = capture(caller()).error
    curation.archive(first.knowledge_id, principal=governor)  # type: ignore[arg-type]
    assert capture(caller()).error.knowledge_id != first.knowledge_id


def test_captured_knowledge_fills_a_bare_problem(caller: Caller):
    first = capture(caller()).error
    filled = knowledge.capture(
        principal=caller(), title="Postgres is not started", content={"error": REFUSED, "cause": "A reboot"},
        knowledge_type="error_pattern", solution="systemctl start postgresql",
    )  # fmt: skip
    assert (filled.created, filled.knowledge.pk) == (False, first.knowledge_id)
    assert (filled.knowledge.title, filled.knowledge.problem_description) == ("Postgres is not started", "A reboot")
    found = capture(caller())
    assert found.match
    assert found.match.solutions[0].text == "systemctl start postgresql"


def test_matching_sees_only_what_the_caller_sees(caller: Caller, other_tenant: str):
    knowledge.capture(
        principal=caller(user="bob"), title="Private", content={"error": REFUSED}, solution="Secret way", private=True
    )
    assert problems.match(REFUSED, principal=caller(user="bob"))[0].solutions[0].text == "Secret way"
    assert problems.match(REFUSED, principal=caller()) == []
    capture(caller())
    assert problems.match(REFUSED, principal=caller(tenant_id=other_tenant)) == []
    assert len(problems.match(REFUSED, principal=caller(user="bob"), limit=5)) >= 1


def test_an_error_is_tied_to_no_problem_that_its_readers_do_not_see(caller: Caller, governor: Principal):
    own = knowledge.capture(
        principal=caller(user="bob"), title="Private", content={"error": REFUSED}, solution="Secret way", private=True
    ).knowledge
    assert problems.match(REFUSED, principal=governor)[0].knowledge.pk == own.pk
    found = capture(governor)
    assert found.match is None
    assert found.error.knowledge_id != own.pk
    assert capture(caller(user="bob")).error.knowledge_id == own.pk


def test_matches_come_likeliest_first_and_no_more_than_asked(caller: Caller):
    for place in ("invoices", "orders", "refunds"):
        capture(caller(), f"KeyError: column {place}_total is missing in the {place} report")
    found = problems.match("KeyError: column sales_total is missing in the sales report", principal=caller(), limit=2)
    assert len(found) <= 2
    assert [one.confidence for one in found] == sorted((one.confidence for one in found), reverse=True)


def test_an_error_is_of_the_user_of_its_session(caller: Caller):
    sessions.start(session_id="s1", principal=caller(user="bob"))
    error = capture(caller(named_session="s1")).error
    assert error.user_id == "bob"
    with pytest.raises(NotFound):
        errors.get(error.pk, principal=caller(user="ann"))
    assert errors.get(error.pk, principal=caller(user="bob")).pk == error.pk


@pytest.mark.parametrize("fields", [{"message": "  "}, {"context": ["a"]}, {"error_type": "x" * 300}])
def test_what_is_not_taken(caller: Caller, fields: dict[str, Any]):
    with pytest.raises(Invalid):
        capture(caller(), **({"message": REFUSED} | fields))


def test_too_large_and_without_the_right_to_write(caller: Caller):
    with pytest.raises(TooLarge):
        capture(caller(), "x" * 3_000_000)
    with pytest.raises(ScopeMissing):
        capture(caller(permissions=frozenset({"read"})))


def test_old_errors_are_purged_and_what_was_learned_stays(
    caller: Caller, job: Principal, as_role: Callable[[str], AbstractContextManager[None]]
):
    old, fresh = capture(caller()).error, capture(caller()).error
    solution = solutions.add(old.knowledge_id, principal=caller(), text="Start postgres")  # type: ignore[arg-type]
    for error in (old, fresh):
        solutions.feedback(solution.pk, principal=caller(), worked=True, error_id=error.pk)
    with behind_walls(job):
        past = now() - timedelta(days=settings.CONFIG.procedures.error_days, hours=1)
        CapturedError.objects.filter(pk=old.pk).update(created_at=past)
    with as_role("memoryhub_system"):
        assert errors.purge(principal=system_principal("test"), limit=10) == 1
        assert errors.purge(principal=system_principal("test"), limit=10) == 0
    with behind_walls(job):
        assert CapturedError.objects.get().pk == fresh.pk
        assert Feedback.objects.count() == 2
        assert Knowledge.objects.get().occurrences == 2
