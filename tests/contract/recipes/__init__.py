"""How to ask each address of the API for something that exists: the one list that all contract tests run over.

An address without a recipe fails the tests. A recipe gets a world, makes in it what its request needs,
and gives the request. Whatever names a thing of the tenant is an ``Id``, everything written bears the
world's marker.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from tests.contract.calls import Call
from tests.contract.world import World

Build = Callable[[World], Call]
Grow = Callable[[World, Call], Call | None]


class Foreign(Enum):
    """What another tenant gets for the same request."""

    REFUSED = "404, as if the thing did not exist"
    OWN = "its own thing of that name, or none"
    EMPTY = "an answer that holds nothing of the other tenant"
    PER_ITEM = "an answer in which each item is refused as not existing"


@dataclass(frozen=True)
class Recipe:
    route: str
    build: Build
    foreign: Foreign
    shows: bool
    grows: Grow | None

    def __str__(self) -> str:
        return f"{self.route} [{self.build.__name__}]"


RECIPES: dict[str, list[Recipe]] = defaultdict(list)


def recipe(
    route: str,
    *,
    foreign: Foreign = Foreign.REFUSED,
    shows: bool = False,
    grows: Grow | None = None,
) -> Callable[[Build], Build]:
    """``@recipe("GET context/{entry_id}", shows=True)``.

    ``shows``: the owner's answer holds the marker. ``grows``: the answer is a list, and this adds a row
    to it; where the request names its rows, it gives the longer request.
    """

    def keep(build: Build) -> Build:
        RECIPES[route].append(Recipe(route, build, foreign, shows, grows))
        return build

    return keep


def all_recipes() -> list[Recipe]:
    return [one for route in sorted(RECIPES) for one in RECIPES[route]]


# Each registers its recipes when it is imported.
from tests.contract.recipes import agents as agents  # noqa: E402
from tests.contract.recipes import compliance as compliance  # noqa: E402
from tests.contract.recipes import conflicts as conflicts  # noqa: E402
from tests.contract.recipes import context as context  # noqa: E402
from tests.contract.recipes import hub as hub  # noqa: E402
from tests.contract.recipes import knowledge as knowledge  # noqa: E402
from tests.contract.recipes import locks as locks  # noqa: E402
from tests.contract.recipes import operations as operations  # noqa: E402
from tests.contract.recipes import procedures as procedures  # noqa: E402
from tests.contract.recipes import relationships as relationships  # noqa: E402
from tests.contract.recipes import replicas as replicas  # noqa: E402
from tests.contract.recipes import runs as runs  # noqa: E402
from tests.contract.recipes import search as search  # noqa: E402
from tests.contract.recipes import sessions as sessions  # noqa: E402
from tests.contract.recipes import sharing as sharing  # noqa: E402
