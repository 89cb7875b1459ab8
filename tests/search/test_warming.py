"""Models are loaded before a search needs them, whatever the configuration names."""

from __future__ import annotations

import pytest
from django.db import OperationalError

from memoryhub.access.principals import Principal
from memoryhub.search.embeddings.hashing import HashingEmbedder
from memoryhub.search.models import VectorSpace
from memoryhub.search.services import space_changes, spaces
from memoryhub.search.services.spaces import State, Wanted
from memoryhub.search.warming import Warmer
from tests.conftest import role

pytestmark = pytest.mark.django_db
BOSS = Principal(kind="staff", name="ada", permissions=frozenset({"read", "write", "admin"}))


@pytest.fixture
def warmed(tenant: str, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Dimensions of the embedders that were told to load."""
    found: list[int] = []

    def warm(self: HashingEmbedder, wait_seconds: float = 0) -> bool:
        found.append(self.dimension)
        return True

    monkeypatch.setattr(HashingEmbedder, "warm", warm)
    return found


def begin(dimension: int) -> VectorSpace:
    spaces.active_row()
    with role("memoryhub_system"):
        return space_changes.start(principal=BOSS, wanted=Wanted("hashing", {"dimension": dimension}, 40))


def test_the_active_model_is_loaded_without_any_query_and_so_is_the_coming_one(warmed):
    begin(64)
    Warmer().look()
    assert sorted(set(warmed)) == [64, 256]


def test_the_active_model_is_loaded_also_where_the_configuration_names_another(warmed):
    row = begin(64)
    with role("memoryhub_system"):
        VectorSpace.objects.filter(state=State.ACTIVE).update(state=State.RETIRED)
        VectorSpace.objects.filter(pk=row.pk).update(state=State.ACTIVE)
    Warmer().look()
    assert set(warmed) == {64}


def test_a_process_that_nobody_asks_learns_of_a_switch(warmed):
    row = begin(64)
    Warmer().look()
    with role("memoryhub_system"):
        VectorSpace.objects.filter(pk=row.pk).update(state=State.READY)
        space_changes.switch(principal=BOSS, space_id=row.pk)
    Warmer().look()
    assert spaces._views["active"].space.name == row.name


@pytest.mark.parametrize("error", [OperationalError("The database is away."), ValueError("A bug.")])
def test_it_outlives_what_goes_wrong(warmed, monkeypatch: pytest.MonkeyPatch, error: Exception):
    def broken() -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(spaces, "warm", broken)
        Warmer().look()
    Warmer().look()
    assert warmed
