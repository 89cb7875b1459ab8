"""The hub itself."""

from __future__ import annotations

from tests.contract.calls import Call
from tests.contract.recipes import Foreign, recipe
from tests.contract.world import World


@recipe("GET health", foreign=Foreign.EMPTY)
def health(world: World) -> Call:
    return Call()


@recipe("GET stats", foreign=Foreign.EMPTY)
def stats(world: World) -> Call:
    world.post("context/store", key=world.name("key"), value=world.text())
    return Call()
