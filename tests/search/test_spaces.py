"""Changing the search model while the hub works: built beside the old one, switched to when complete, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib import import_module
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from memoryhub import config
from memoryhub.access.exceptions import Conflict, Forbidden, NotFound, ScopeMissing
from memoryhub.access.models import AuditEvent
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.walls import behind_walls
from memoryhub.search import embeddings, health
from memoryhub.search.embeddings import ModelNotReady
from memoryhub.search.embeddings.hashing import HashingEmbedder
from memoryhub.search.models import IndexRow, Vector, VectorSpace
from memoryhub.search.services import building, space_changes, spaces
from memoryhub.search.services.spaces import State, Wanted
from memoryhub.search.vector_store import VectorStore
from memoryhub.sync.services import job_runs, relay
from tests.conftest import MakeClient, role
from tests.search.conftest import STAFF, add, caller, ids, index_row
from tests.sync.mirror import registered

pytestmark = pytest.mark.django_db

SMALL = Wanted("hashing", {"dimension": 64}, 40)
SYSTEM = system_principal("test")
BOSS = Principal(kind="staff", name="ada", permissions=frozenset({"read", "write", "admin"}))


@pytest.fixture(autouse=True)
def as_system(db: None) -> Iterator[None]:
    with role("memoryhub_system"):
        yield


@pytest.fixture
def rows(tenant: str) -> list[IndexRow]:
    """Thirty of the tenant, one global, all embedded in the active space."""
    made = [index_row(f"memory number {number}") for number in range(30)]
    made.append(index_row("a global one", scope="global", tenant_id=None))
    add(made)
    return made


def states() -> dict[str, str]:
    return dict(VectorSpace.objects.values_list("name", "state"))


def vectors(model: str) -> dict[UUID, np.ndarray]:
    with behind_walls(STAFF):
        return {v.row_id: np.array(v.embedding) for v in Vector.objects.filter(model=model)}


def work(times: int = 20) -> None:
    """Builds until there is nothing to do."""
    for _ in range(times):
        if not building.work(principal=SYSTEM):
            return
    raise AssertionError("There is no end of it.")


def start(**fields: Any) -> VectorSpace:
    return space_changes.start(principal=BOSS, wanted=SMALL, **fields)


def active() -> str:
    spaces.forget()
    found = spaces.active_space()
    assert found is not None
    return found.name


# -- what the configuration says -----------------------------------------------------------------------


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """``configure(64)``: the hub starts again with hashing of that dimension."""

    def fresh() -> None:
        config.get_config.cache_clear()
        embeddings.reset()
        spaces.forget()

    def run(dimension: int) -> None:
        monkeypatch.setenv("MEMORYHUB_SEARCH__HASHING_DIMENSION", str(dimension))
        fresh()
        space_changes.follow_configuration(principal=SYSTEM)

    yield run
    monkeypatch.undo()
    fresh()


def test_at_first_the_configured_space_is_the_active_one(tenant):
    assert active() == "hashing-256/said-40"
    assert states() == {"hashing-256/said-40": "active"}


def test_where_nothing_is_embedded_a_changed_configuration_counts_at_once(tenant, configure):
    active()
    configure(64)
    assert active() == "hashing-64/said-40"


def test_a_changed_configuration_is_built_beside_and_then_switched_to(rows, remember, find, configure):
    with role("memoryhub_app"):
        wanted = remember("a giraffe in the zoo")
    configure(64)
    assert active() == "hashing-256/said-40"
    assert ids(find("giraffe", mode="semantic", limit=1)) == [wanted]
    work()
    assert active() == "hashing-64/said-40"
    assert states() == {"hashing-256/said-40": "retired", "hashing-64/said-40": "active"}
    assert ids(find("giraffe", mode="semantic", limit=1)) == [wanted]


def test_a_configuration_changed_again_gives_up_what_the_last_one_began(rows, configure):
    configure(64)
    configure(128)
    assert states()["hashing-64/said-40"] == "retired"
    assert states()["hashing-128/said-40"] == "building"
    configure(256)
    assert states()["hashing-128/said-40"] == "retired"


def test_what_a_person_left_does_not_come_back_by_itself(rows, configure):
    configure(64)
    work()
    space_changes.roll_back(principal=BOSS)
    work()
    assert active() == "hashing-256/said-40"
    configure(64)
    work()
    assert active() == "hashing-256/said-40"
    space_changes.start(principal=BOSS)
    work()
    assert active() == "hashing-64/said-40"


# -- building ------------------------------------------------------------------------------------------


def test_a_space_has_every_vector_before_searches_use_it(rows):
    row = start()
    assert (row.state, row.asked_by, row.dimension) == ("building", "ada", 64)
    work()
    made = vectors("hashing-64/said-40")
    assert made.keys() == {row.id for row in rows}
    assert {len(vector) for vector in made.values()} == {64}
    assert len(vectors("hashing-256/said-40")) == len(rows)
    row.refresh_from_db()
    assert (row.done, row.total, row.complete) == (31, 31, True)


def test_its_name_and_its_embedder_come_together(rows, find):
    start()
    work()
    found = spaces.active_space()
    assert found is not None
    assert (found.name, found.embedder.dimension) == ("hashing-64/said-40", 64)


def test_it_can_be_stopped_at_any_time_and_goes_on_where_it_was(rows, monkeypatch):
    monkeypatch.setattr(HashingEmbedder, "batch_size", 4)
    row = start()
    calls = iter([False, False, True, True, True])
    assert building.work(principal=SYSTEM, stopping=lambda: next(calls)) is True
    row.refresh_from_db()
    assert (row.state, row.done, row.total) == ("building", 8, 31)
    assert row.rate is not None
    assert row.rate > 0
    work()
    assert active() == "hashing-64/said-40"


def test_paused_it_rests_until_it_is_resumed(rows):
    row = start()
    space_changes.pause(principal=BOSS, space_id=row.pk)
    work()
    assert vectors(row.name) == {}
    space_changes.resume(principal=BOSS, space_id=row.pk)
    work()
    assert active() == row.name


def test_a_pause_ends_the_slice_that_runs(rows, monkeypatch):
    monkeypatch.setattr(HashingEmbedder, "batch_size", 4)
    row = start()
    embed = HashingEmbedder.embed

    def paused_meanwhile(self: HashingEmbedder, texts: list[str]) -> Any:
        VectorSpace.objects.filter(pk=row.pk).update(state=State.PAUSED)
        return embed(self, texts)

    monkeypatch.setattr(HashingEmbedder, "embed", paused_meanwhile)
    assert building.work(principal=SYSTEM) is False
    assert len(vectors(row.name)) == 4


def test_a_person_switches_where_the_configuration_leaves_it_to_people(rows):
    row = start(by_itself=False)
    with pytest.raises(Conflict, match="not ready"):
        space_changes.switch(principal=BOSS, space_id=row.pk)
    work()
    assert states()[row.name] == "ready"
    assert active() == "hashing-256/said-40"
    space_changes.switch(principal=BOSS, space_id=row.pk)
    assert active() == row.name


def test_a_model_that_is_away_delays_and_says_so(rows, monkeypatch):
    row = start()

    def away(self: HashingEmbedder, texts: list[str]) -> Any:
        raise ModelNotReady("It is away.")

    monkeypatch.setattr(HashingEmbedder, "embed", away)
    assert building.work(principal=SYSTEM) is False
    row.refresh_from_db()
    assert (row.state, row.error) == ("building", "It is away.")
    monkeypatch.undo()
    work()
    row.refresh_from_db()
    assert (row.state, row.error) == ("active", "")


def test_a_text_that_is_refused_fails_the_space_and_not_the_searches(rows, monkeypatch):
    row = start()
    embed = HashingEmbedder.embed

    def picky(self: HashingEmbedder, texts: list[str]) -> Any:
        if self.dimension == 64 and "memory number 5" in texts:
            raise ValueError("too rude")
        return embed(self, texts)

    monkeypatch.setattr(HashingEmbedder, "embed", picky)
    work()
    row.refresh_from_db()
    assert (row.state, row.refused) == ("failed", 1)
    assert "too rude" in row.error
    assert "1 rows could not be embedded" in row.error
    assert active() == "hashing-256/said-40"
    monkeypatch.undo()
    space_changes.resume(principal=BOSS, space_id=row.pk)
    work()
    assert active() == row.name


def test_what_is_written_meanwhile_fails_no_space_when_the_refused_row_is_gone(rows, monkeypatch):
    row = start()
    embed = HashingEmbedder.embed
    late = index_row("a latecomer")

    def picky(self: HashingEmbedder, texts: list[str]) -> Any:
        if self.dimension == 64 and rows[-1].content in texts:
            if len(texts) == 1:
                with behind_walls(STAFF):
                    IndexRow.objects.filter(pk=rows[-1].pk).delete()
                    VectorSpace.objects.filter(pk=row.pk).update(after=UUID(int=2**128 - 1))
                add([late])
            raise ValueError("too rude")
        return embed(self, texts)

    monkeypatch.setattr(HashingEmbedder, "embed", picky)
    work()
    assert active() == row.name
    assert late.id in vectors(row.name)


def test_an_embedder_that_cannot_be_made_any_more_leaves_words(remember, find):
    wanted = remember("a giraffe in the zoo")
    VectorSpace.objects.update(embedder="another-model", kind="local")
    spaces.forget()
    answer = find("giraffe", mode="hybrid", limit=1)
    assert answer.degraded
    assert ids(answer) == [wanted]


# -- while it is built ---------------------------------------------------------------------------------


@pytest.fixture
def deliver() -> Iterator[Callable[[], int]]:
    with registered(VectorStore()):
        yield relay.run_once


def keep(api: MakeClient, key: str, value: str) -> UUID:
    with role("memoryhub_app"):
        answer = api().post("/memory/context/store", {"key": key, "value": value, "layer": "long_term"})
    return UUID(answer.json()["entry_id"])


def test_what_is_stored_meanwhile_is_written_to_both(rows, api, deliver):
    row = start(by_itself=False)
    work()
    stored = keep(api, "k", "a giraffe")
    deliver()
    assert stored in vectors(row.name)
    assert stored in vectors("hashing-256/said-40")
    space_changes.switch(principal=BOSS, space_id=row.pk)
    later = keep(api, "k2", "a zebra")
    deliver()
    assert later in vectors("hashing-256/said-40"), "a process may not know yet that it was left"
    VectorSpace.objects.filter(state=State.RETIRED).update(ended_at=timezone.now() - timedelta(minutes=2))
    last = keep(api, "k3", "a lion")
    deliver()
    assert last in vectors(row.name)
    assert last not in vectors("hashing-256/said-40")


def test_a_space_that_cannot_be_written_holds_up_nobody_and_is_made_complete_again(rows, api, deliver, monkeypatch):
    row = start(by_itself=False)
    work()
    embed = HashingEmbedder.embed

    def half_away(self: HashingEmbedder, texts: list[str]) -> Any:
        if self.dimension == 64:
            raise ModelNotReady("It is away.")
        return embed(self, texts)

    monkeypatch.setattr(HashingEmbedder, "embed", half_away)
    stored = keep(api, "k", "a giraffe")
    assert deliver() >= 1
    assert stored in vectors("hashing-256/said-40")
    assert states()[row.name] == "building"
    monkeypatch.undo()
    work()
    assert states()[row.name] == "ready"
    assert stored in vectors(row.name)


def test_while_the_active_model_is_away_nothing_is_embedded_twice_for_the_coming_one(rows, api, deliver, monkeypatch):
    row = start(by_itself=False)
    work()
    embed = HashingEmbedder.embed

    def half_away(self: HashingEmbedder, texts: list[str]) -> Any:
        if self.dimension == 256:
            raise ModelNotReady("It is away.")
        return embed(self, texts)

    monkeypatch.setattr(HashingEmbedder, "embed", half_away)
    stored = keep(api, "k", "a giraffe")
    assert deliver() == 0
    assert stored in vectors(row.name)
    assert stored not in vectors("hashing-256/said-40")


def test_rows_that_came_while_nobody_embedded_are_found_when_the_relay_starts(rows):
    work()
    late = index_row("a latecomer")
    add([late], vectors=False)
    work()
    assert late.id not in vectors("hashing-256/said-40")
    space_changes.follow_configuration(principal=SYSTEM)
    work()
    assert late.id in vectors("hashing-256/said-40")


# -- back, and away ------------------------------------------------------------------------------------


def test_going_back_brings_what_was_missed_first(rows, find):
    start()
    work()
    VectorSpace.objects.filter(state=State.RETIRED).update(ended_at=timezone.now() - timedelta(minutes=2))
    late = index_row("a latecomer")
    add([late])
    back = space_changes.roll_back(principal=BOSS)
    assert back.name == "hashing-256/said-40"
    assert active() == "hashing-64/said-40"
    work()
    assert active() == "hashing-256/said-40"
    assert late.id in vectors("hashing-256/said-40")


def test_there_is_no_way_back_to_vectors_that_are_gone(rows):
    with pytest.raises(Conflict, match="no former space"):
        space_changes.roll_back(principal=BOSS)
    start()
    work()
    VectorSpace.objects.filter(state=State.RETIRED).update(drop_at=timezone.now() - timedelta(minutes=2))
    with pytest.raises(Conflict, match="no former space"):
        space_changes.roll_back(principal=BOSS)
    run = job_runs.run("drop_former_vectors", now=True)
    assert run is not None
    assert run.did == {"handled": 31}
    assert vectors("hashing-256/said-40") == {}
    assert len(vectors("hashing-64/said-40")) == 31
    job_runs.run("drop_former_vectors", now=True)
    assert states()["hashing-256/said-40"] == "dropped"


def test_a_space_that_was_begun_again_a_moment_ago_is_not_dropped(rows, monkeypatch):
    start()
    work()
    former = VectorSpace.objects.filter(state=State.RETIRED)
    former.update(drop_at=timezone.now() - timedelta(minutes=2))
    locked = space_changes.locked

    def begun_meanwhile() -> list[VectorSpace]:
        VectorSpace.objects.filter(state=State.RETIRED).update(state=State.BUILDING)
        return locked()

    monkeypatch.setattr(space_changes, "locked", begun_meanwhile)
    assert building.drop_former(principal=SYSTEM, limit=100) == 0
    assert states()["hashing-256/said-40"] == "building"
    assert len(vectors("hashing-256/said-40")) == 31


def test_former_vectors_are_kept_for_their_days(rows):
    start()
    work()
    former = VectorSpace.objects.get(state=State.RETIRED)
    assert former.drop_at is not None
    assert timedelta(days=6) < former.drop_at - timezone.now() < timedelta(days=7)
    job_runs.run("drop_former_vectors", now=True)
    assert len(vectors(former.name)) == 31


def test_a_cancelled_space_goes_and_a_former_one_that_was_called_back_stays(rows):
    row = start()
    space_changes.cancel(principal=BOSS, space_id=row.pk)
    row.refresh_from_db()
    assert (row.state, row.held_back) == ("retired", True)
    start()
    work()
    back = space_changes.roll_back(principal=BOSS)
    space_changes.cancel(principal=BOSS, space_id=back.pk)
    back.refresh_from_db()
    assert back.state == "retired"
    assert back.drop_at is not None
    assert back.drop_at > timezone.now() + timedelta(days=6)
    space_changes.roll_back(principal=BOSS, space_id=back.pk)


# -- who may -------------------------------------------------------------------------------------------

VERBS: dict[str, Callable[..., Any]] = {
    "start": lambda principal: space_changes.start(principal=principal, wanted=SMALL),
    "pause": lambda principal: space_changes.pause(principal=principal, space_id=coming().pk),
    "resume": lambda principal: space_changes.resume(principal=principal, space_id=coming(State.PAUSED).pk),
    "switch": lambda principal: space_changes.switch(principal=principal, space_id=coming(State.READY).pk),
    "roll_back": lambda principal: space_changes.roll_back(principal=principal),
    "cancel": lambda principal: space_changes.cancel(principal=principal, space_id=coming().pk),
}


def coming(state: State = State.BUILDING) -> VectorSpace:
    row = start()
    VectorSpace.objects.filter(pk=row.pk).update(state=state)
    return row


def switched() -> None:
    start()
    work()


@pytest.mark.parametrize("name", VERBS)
@pytest.mark.parametrize(
    ("principal", "refusal"),
    [
        (caller(), ScopeMissing),
        (caller(permissions=frozenset({"admin"})), Forbidden),
        (caller(permissions=frozenset({"admin"}), tenant_id=None, platform=True), Forbidden),
        (Principal(kind="staff", name="ben", permissions=frozenset({"admin"}), staff_tenants=("acme",)), Forbidden),
        (Principal(kind="staff", name="eve", permissions=frozenset({"read"})), ScopeMissing),
    ],
)
def test_only_staff_of_the_platform_changes_the_model(name, principal, refusal, rows):
    if name == "roll_back":
        switched()
    with pytest.raises(refusal):
        VERBS[name](principal)


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_is_on_record(name, rows):
    if name == "roll_back":
        switched()
    before = AuditEvent.objects.count()
    VERBS[name](BOSS)
    new = AuditEvent.objects.order_by("-pk")[: AuditEvent.objects.count() - before]
    assert {event.actor for event in new} == {"ada"}
    assert {event.object_type for event in new} == {"vector_space"}


def test_one_at_a_time(rows):
    row = start()
    for again in (
        lambda: space_changes.start(principal=BOSS, wanted=Wanted("hashing", {"dimension": 32}, 40)),
        lambda: space_changes.roll_back(principal=BOSS),
    ):
        with pytest.raises(Conflict, match="on its way"):
            again()
    work()
    with pytest.raises(Conflict, match="already"):
        start()
    with pytest.raises(Conflict, match="cannot be paused"):
        space_changes.pause(principal=BOSS, space_id=row.pk)
    with pytest.raises(NotFound):
        space_changes.pause(principal=BOSS, space_id=UUID(int=0))


def test_other_words_before_a_message_are_another_space_of_the_same_model(tenant):
    said = [
        index_row(text, kind="message", session_id="s", sequence=n) for n, text in enumerate(["at the lake", "yes"], 1)
    ]
    add(said, vectors=False)
    active()
    space_changes.start(principal=BOSS, wanted=Wanted("hashing", {"dimension": 256}, 0))
    work()
    alone = HashingEmbedder().embed(["yes"])[0]
    assert vectors("hashing-256/said-0")[said[1].id] == pytest.approx(alone, abs=1e-3)


# -- from outside --------------------------------------------------------------------------------------


def test_health_tells_of_the_model_in_use_and_of_the_one_on_its_way(rows):
    start(by_itself=False)
    space_changes.pause(principal=BOSS, space_id=VectorSpace.objects.get(state=State.BUILDING).pk)
    part = health.search().document()
    assert part["model"] == "hashing-256/said-40"
    found = {space["name"]: (space["state"], space["lacking"]) for space in part["spaces"]}
    assert found == {"hashing-256/said-40": ("active", 0), "hashing-64/said-40": ("paused", 0)}


def test_the_command_does_it_all(rows, monkeypatch, configure, capsys):
    active()
    monkeypatch.setattr(space_changes, "follow_configuration", lambda **_: None)
    configure(64)

    def reindex(verb: str, **options: Any) -> str:
        call_command("reindex", space=verb, **options)
        return str(capsys.readouterr().out)

    assert "hashing-64/said-40: being built" in reindex("start")
    assert "paused" in reindex("pause")
    assert "hashing-64/said-40: active." in reindex("resume", wait=True)
    assert "hashing-256/said-40: active." in reindex("roll-back", wait=True)
    with pytest.raises(CommandError, match="no space to do that with"):
        reindex("switch")
    call_command("reindex", spaces=True)
    assert "hashing-64/said-40: former." in capsys.readouterr().out


def test_a_deployment_with_vectors_keeps_searching_by_them(rows):
    migration = import_module("memoryhub.search.migrations.0017_spaces_of_vectors")
    active()
    with role("postgres"), connection.cursor() as cursor:
        cursor.execute("UPDATE memory_context_vectors SET model = 'hashing-64'")
        cursor.execute("DELETE FROM memory_search_spaces")
        cursor.execute(migration.FILL)
    found = VectorSpace.objects.get()
    assert (found.name, found.embedder, found.kind, found.state) == ("hashing-64", "hashing-64", "hashing", "active")
    assert (found.dimension, found.context_words, found.settings) == (256, 0, {"dimension": 256})


def test_a_process_stays_with_the_former_model_until_it_has_loaded_the_new_one(rows, monkeypatch):
    spaces.active_space()
    start()
    monkeypatch.setattr(HashingEmbedder, "warm", lambda self, wait_seconds=0: self.dimension == 256)
    work()

    def seen() -> str:
        spaces.ask_again()
        found = spaces.active_space()
        assert found is not None
        return found.name

    assert seen() == "hashing-256/said-40"
    monkeypatch.undo()
    assert seen() == "hashing-64/said-40"
    monkeypatch.setattr(HashingEmbedder, "warm", lambda self, wait_seconds=0: self.dimension == 64)
    VectorSpace.objects.filter(state=State.ACTIVE).update(started_at=timezone.now() - timedelta(minutes=2))
    assert active() == "hashing-64/said-40"
