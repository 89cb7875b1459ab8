"""A tenant to ask, and one to compare with."""

from __future__ import annotations

import pytest

from tests.conftest import MakeClient
from tests.contract.world import World, world_of


@pytest.fixture
def ours(api: MakeClient) -> World:
    return world_of("ours", api)
