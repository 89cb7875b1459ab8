"""Several publish at the same time: one wins, the others hear of it, and numbers stay without gaps."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from memoryhub.access.exceptions import HubError
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import tenants
from memoryhub.access.walls import behind_walls
from procedures_app.models import ProcedureVersion
from procedures_app.services import drafts, publishing

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
