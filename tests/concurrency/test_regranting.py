"""Re-granting beside writers: what is being written is not passed over for good, older writers are waited for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import pytest
from django.db import connection, transaction

from agents_app.models import Regrant, SharingRule
from agents_app.services import regranting, sharing
from agents_app.services.sharing import RuleChange
from memoryhub.access.models import Grant
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import agents, tenants
from memoryhub.access.walls import behind_walls
from memoryhub.registry.services import deletion, entries
from memoryhub.registry.services.drafts import Draft

pytestmark = pytest.mark.django_db(transaction=True)

SYSTEM = system_principal("test", "acme")
ALDEN = Principal(kind="key", name="alden", tenant_id="acme", agent_id="alden", permissions=frozenset({"write"}))


@pytest.fixture(autouse=True)
def team():
    tenants.ensure(principal=SYSTEM, tenant_id="acme")
    for name in ("alden", "alice"):
        agents.ensure(principal=SYSTEM, tenant_id="acme", agent_id=name)


def keep(key: str, value: Any = 1, category: str | None = "notes") -> Any:
    return entries.store(Draft(key=key, value=value, scope="agent", category=category), principal=ALDEN)


def share_notes() -> SharingRule:
    change = RuleChange(category="notes", action="share", to_agents=["alice"])
    return sharing.save_rules([change], principal=SYSTEM).rules[0]


@contextmanager
def writing(work: Callable[[], Any]) -> Iterator[None]:
    """While the block runs, another connection has done ``work`` and not committed it."""
    done, go_on = Event(), Event()

    def run() -> None:
        try:
            with behind_walls(ALDEN), transaction.atomic():
                work()
                done.set()
                go_on.wait(30)
        finally:
            done.set()
            connection.close()

    thread = Thread(target=run)
    thread.start()
    assert done.wait(30)
    try:
        yield
    finally:
        go_on.set()
        thread.join()


def granted() -> int:
    with behind_walls(SYSTEM):
        return Grant.objects.filter(agent_id="alice", reason="rule").count()


def status() -> str:
    with behind_walls(SYSTEM):
        return str(Regrant.objects.get().status)


def test_a_writer_that_read_the_older_rules_is_waited_for():
    keep("there")
    with writing(lambda: keep("coming")):
        share_notes()
        assert regranting.work(principal=SYSTEM, limit=100)["looked_at"] == 0
        assert status() == "waiting"
    assert regranting.work(principal=SYSTEM, limit=100)["granted"] == 2
    assert status() == "done"


def test_an_entry_that_somebody_is_writing_is_taken_again_at_the_end():
    for n in range(3):
        keep(f"k{n}")
    share_notes()
    with behind_walls(SYSTEM):
        Regrant.objects.update(starts_after=1)  # only the rows' locks are looked at here
    with writing(lambda: keep("k1", 2)):
        assert regranting.work(principal=SYSTEM, limit=100)["granted"] == 2
        assert status() == "running"
    regranting.work(principal=SYSTEM, limit=100)
    assert (granted(), status()) == (3, "done")


def test_an_entry_that_was_erased_while_it_waited_is_not_waited_for():
    kept = keep("k")
    share_notes()
    with behind_walls(SYSTEM):
        Regrant.objects.update(starts_after=1)
    with writing(lambda: keep("k", 2)):
        regranting.work(principal=SYSTEM, limit=100)
        assert status() == "running"
    deletion.erase(kept.entry_id, principal=SYSTEM, reason="asked for")
    regranting.work(principal=SYSTEM, limit=100)
    assert status() == "done"


def test_writers_do_not_wait_for_an_editor_of_rules():
    with transaction.atomic(), behind_walls(SYSTEM):
        share_notes()
        seen: list[int] = []

        def store() -> None:
            try:
                seen.append(keep("k").sync_version)
            finally:
                connection.close()

        writer = Thread(target=store)
        writer.start()
        writer.join(30)
        assert seen == [1]
