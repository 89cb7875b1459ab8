"""After a change of the rules the problems of before are found by their signature again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from memoryhub.access.models import AuditEvent
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.walls import behind_walls
from memoryhub.sync import jobs
from procedures_app.models import CapturedError, Knowledge, Solution
from procedures_app.services import curation, errors, knowledge, problems, signing, solutions
from procedures_app.signatures import MARK

pytestmark = pytest.mark.django_db
Caller = Callable[..., Principal]
Run = Callable[..., int]
TEXT, OTHER = "alpha service is away", "bravo broker refuses"


def met(text: str, caller: Callable[..., Principal], by: str = "ann", **fields: str) -> Knowledge:
    error = errors.capture(principal=caller(by, **fields), message=text).error
    assert error.knowledge_id
    return knowledge.get(error.knowledge_id, principal=caller(by, **fields))


def as_before(row: Knowledge, former: str = "former:0123456789abcdef") -> Knowledge:
    """As the rules of a former version signed it."""
    with behind_walls(system_principal("test", row.tenant_id)):
        Knowledge.objects.filter(pk=row.pk).update(problem_signature=former)
    return row


@pytest.fixture
def run(as_role: Callable[[str], AbstractContextManager[None]]) -> Callable[..., int]:
    """``run(limit)`` is a slice of the job, in the role that jobs have."""

    def slice_of(limit: int = 10) -> int:
        with as_role("memoryhub_system"):
            return signing.again(principal=system_principal("test"), limit=limit)

    return slice_of


def test_an_old_problem_is_found_by_its_error_again(run: Run, caller: Caller, job: Principal):
    row = as_before(met(TEXT, caller))
    assert not [one for one in problems.match(TEXT, principal=caller()) if one.matched_by == "signature"]
    assert run() == 1
    [match] = [one for one in problems.match(TEXT, principal=caller()) if one.matched_by == "signature"]
    assert match.knowledge.pk == row.pk
    assert MARK in (match.knowledge.problem_signature or "")
    assert (match.knowledge.version, match.knowledge.updated_at) == (row.version, row.updated_at)
    with behind_walls(job):
        event = AuditEvent.objects.get(action="knowledge.signed_again")
    assert event.old is not None
    assert (event.old["signature"], event.object_id) == ("former:0123456789abcdef", str(row.pk))
    assert run() == 0


def test_it_goes_on_in_slices_through_all_tenants_and_users(run: Run, caller: Caller, other_tenant: str):
    for text in (TEXT, OTHER):
        as_before(met(text, caller), f"former:{len(text)}")
    as_before(met("charlie cache is cold", caller, user="u"))
    as_before(met(TEXT, caller, tenant_id=other_tenant))
    assert [run(3), run(3), run(3)] == [3, 1, 0]


def test_what_has_one_signature_now_becomes_one_problem(run: Run, caller: Caller, job: Principal):
    old = as_before(met(TEXT, caller))
    solutions.add(old.pk, principal=caller("ann"), text="Wake it")
    # between the change of the rules and the run the error was met again, and known by nothing
    errors.capture(principal=caller("bob"), message=OTHER)
    with behind_walls(job):
        new = Knowledge.objects.get(template=OTHER)
        Knowledge.objects.filter(pk=new.pk).update(template=TEXT, problem_signature=signature_of(TEXT))
    assert run() == 1
    kept, gone = (knowledge.get(row.pk, principal=caller()) for row in (old, new))
    assert (kept.status, kept.occurrences, gone.status, gone.replaced_by_id) == ("active", 2, "merged", kept.pk)
    with behind_walls(job):
        assert CapturedError.objects.filter(knowledge=kept).count() == 2
        assert Solution.objects.get(knowledge=kept).text == "Wake it"
    assert problems.match(TEXT, principal=caller())[0].knowledge.pk == kept.pk


def signature_of(text: str) -> str:
    return problems.read(text, "").signature


def test_what_was_merged_leads_to_what_took_its_place(run: Run, caller: Caller, person: Principal):
    kept, dropped = met(TEXT, caller), met(OTHER, caller)
    curation.merge(kept.pk, dropped.pk, principal=person)
    as_before(dropped)
    assert run() == 1
    assert problems.match(OTHER, principal=caller())[0].knowledge.pk == kept.pk


def test_what_else_is_known_has_no_signature(run: Run, caller: Caller):
    knowledge.capture(principal=caller(), title="Tea", content="at four")
    assert run() == 0


def test_an_old_version_comes_back_with_the_signature_of_today(caller: Caller, person: Principal, job: Principal):
    row = met(TEXT, caller)
    with behind_walls(job):
        version = row.versions.get(version=1)
        version.document["problem_signature"] = "former:0123456789abcdef"
        version.save(update_fields=["document"])
    curation.archive(row.pk, principal=person)
    assert curation.restore(row.pk, 1, principal=person).problem_signature == row.problem_signature


def test_the_job_is_declared():
    job = jobs.get("problems_sign")
    assert job is not None
    assert job.load() is signing.again
