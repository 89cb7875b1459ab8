"""Schemathesis against the hub in this process: generated requests, some of them made to meet what exists."""

from __future__ import annotations

import json
from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import schemathesis
from django.core.wsgi import get_wsgi_application
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from tests.contract.calls import Call, Id
from tests.contract.described import described
from tests.contract.recipes import RECIPES
from tests.contract.routes import Route
from tests.contract.world import World

CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]
#: Generated values of these name other tenants, users, pages or states than the caller's: almost always refused.
STEERED = frozenset({"tenant_id", "cursor", "conflict_version", "entry_version"})
#: A generated version or number of a lock is hardly ever the current one.
PRECONDITIONS = {"If-Match", "If-None-Match", "Lock-Fence"}
#: A text with NUL is refused everywhere, which other tests show; here it would only hide what lies behind.
#: A generated body may be larger than the hub takes, which is a refusal like others.
REFUSED = ["400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "428", "429", "5xx"]
CONFIG = {
    "generation": {"allow-x00": False},
    "checks": {"negative_data_rejection": {"expected-statuses": REFUSED}},
}


@dataclass
class Tally:
    """Answers of one operation by status."""

    answers: Counter[int] = field(default_factory=Counter)

    @property
    def cases(self) -> int:
        return self.answers.total()

    @property
    def good(self) -> int:
        return sum(count for status, count in self.answers.items() if 200 <= status < 300)

    def __str__(self) -> str:
        return f"{self.good} of {self.cases} answered 2xx: {dict(self.answers)}"


@cache
def load() -> Any:
    """The hub's own description, bound to the hub."""
    schema = schemathesis.openapi.from_dict(deepcopy(described()), config=schemathesis.Config.from_dict(CONFIG))
    schema.app = get_wsgi_application()
    return schema


def recipe_of(route: Route, world: World) -> Call:
    return RECIPES[str(route)][0].build(world)


def plain(value: Any) -> Any:
    """Ids as ordinary texts: generators know no others."""
    return json.loads(json.dumps(value))


def headers_for(world: World, call: Call) -> dict[str, str]:
    return {"Authorization": world.authorization, "X-Agent-Id": world.agent, **call.headers}


def ground(case: Any, call: Call, kept: set[int]) -> None:
    """Makes a case meet what exists: the recipe's request, with the generated fields number ``kept`` laid over it.

    What names a thing stays the recipe's: a generated id names nothing.
    """
    if isinstance(call.body, dict):
        case.body = plain(call.body) | chosen(case.body, call.body, kept)
    for name in PRECONDITIONS - call.headers.keys():
        case.headers.pop(name, None)
    case.query = plain(call.query) | chosen(case.query, call.query, kept)


def chosen(made: Any, known: dict[str, Any], kept: set[int]) -> dict[str, Any]:
    fields = made.items() if isinstance(made, dict) else ()
    return {
        name: value
        for number, (name, value) in enumerate(fields)
        if number in kept and name not in STEERED and not isinstance(known.get(name), Id)
    }
