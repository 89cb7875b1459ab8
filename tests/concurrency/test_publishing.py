"""Several publish at the same time: one wins, the others hear of it, and numbers stay without gaps."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from memoryhub.access.exceptions import HubError
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import tenants
from memoryhub.access.walls import behind_walls
from procedures_app.models import ProcedureVersion
from procedures_app.services import drafts, enforcement, procedures, publishing
from tests.concurrency.test_consultations import waits_for_a_lock
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)
DOCUMENT = {"title": "Ship it", "summary": "When shipping.", "steps": [{"title": "Do it"}]}


@pytest.fixture
def boss() -> Principal:
    tenants.ensure(principal=system_principal("test"), tenant_id="acme")
    return system_principal("test", "acme")


def in_threads(count: int, work) -> list[str]:
    outcomes: list[str] = []
    ready = threading.Barrier(count)

    def run(number: int) -> None:
        try:
            ready.wait(10)
            outcomes.append(work(number))
        except HubError as error:
            outcomes.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return outcomes


def test_of_concurrent_publishes_one_wins(boss: Principal):
    for seen in range(3):
        draft = drafts.save("ship-it", DOCUMENT | {"title": f"Ship it {seen}"}, principal=boss)

        def publish(number: int, draft=draft, seen=seen) -> str:
            publishing.publish(
                "ship-it", principal=boss, revision=draft.revision, note=f"By {number}", based_on_seen=seen
            )
            return "published"

        outcomes = in_threads(4, publish)
        assert sorted(outcomes) == ["published", *["published_moved"] * 3]
    with behind_walls(boss):
        found = list(ProcedureVersion.objects.filter(status="published").values_list("number", flat=True))
    assert sorted(found) == [1, 2, 3]


def test_of_concurrent_first_drafts_one_is_kept(boss: Principal):
    outcomes = in_threads(
        4,
        lambda number: str(
            drafts.save("new", DOCUMENT | {"title": f"T{number}"}, principal=boss, if_revision=0).revision
        ),
    )
    assert sorted(outcomes) == ["1", *["version_stale"] * 3]


def test_two_procedures_cannot_become_steps_of_each_other(boss: Principal):
    for name in ("a", "b"):
        draft = drafts.save(name, DOCUMENT, principal=boss)
        publishing.publish(name, principal=boss, revision=draft.revision, note="First")
    for name, other in (("a", "b"), ("b", "a")):
        drafts.save(
            name, DOCUMENT | {"steps": [{"title": "S", "kind": "procedure", "procedure": other}]}, principal=boss
        )

    def publish(number: int) -> str:
        publishing.publish("ab"[number], principal=boss, revision=1, note="Both", based_on_seen=1)
        return "published"

    assert sorted(in_threads(2, publish)) == ["draft_has_errors", "published"]


def while_open(work, *, meanwhile) -> str:
    """What becomes of ``meanwhile`` that begins before the transaction of ``work`` ends."""

    def run() -> str:
        try:
            meanwhile()
        except HubError as error:
            return error.code
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(1) as pool:
        with behind_walls(system_principal("test", "acme")):
            work()
            other = pool.submit(run)
            until(lambda: other.done() or waits_for_a_lock(), 20, "the other transaction")
        return other.result(20)


def published(name: str, boss: Principal, **document: object) -> None:
    draft = drafts.save(name, DOCUMENT | document, principal=boss)
    publishing.publish(name, principal=boss, revision=draft.revision, note="First")


def test_no_rule_asks_for_what_is_retired_just_then(boss: Principal):
    published("a", boss)

    def rule() -> None:
        enforcement.set_rule("deployment", principal=boss, mode="strict", procedure="a")

    assert while_open(lambda: procedures.retire("a", principal=boss), meanwhile=rule) == "procedure_retired"
    procedures.activate("a", principal=boss)
    assert while_open(rule, meanwhile=lambda: procedures.retire("a", principal=boss)) == "procedure_in_use"


def test_nothing_is_retired_that_becomes_a_step_just_then(boss: Principal):
    published("a", boss)
    step = {"title": "S", "kind": "procedure", "procedure": "a"}

    def use() -> None:
        published("b", boss, steps=[step])

    assert while_open(lambda: procedures.retire("a", principal=boss), meanwhile=use) == "draft_has_errors"
    procedures.activate("a", principal=boss)
    assert while_open(use, meanwhile=lambda: procedures.retire("a", principal=boss)) == "procedure_in_use"
