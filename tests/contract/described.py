"""What the OpenAPI description says of each address."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from drf_spectacular.generators import SchemaGenerator

from tests.contract.routes import Route

SNAPSHOT = Path(__file__).parents[2] / "docs" / "openapi.yaml"


@cache
def described() -> dict[str, Any]:
    """The description of the whole API, as /schema answers it."""
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return found


def operation(route: Route) -> dict[str, Any]:
    found: dict[str, Any] = described()["paths"][f"/memory/{route.path}"][route.method.lower()]
    return found


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    """``node``, or what its $ref points at."""
    if "$ref" not in node:
        return node
    found: Any = described()
    for part in node["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)


def body_schema(route: Route) -> dict[str, Any]:
    content = operation(route).get("requestBody", {}).get("content", {})
    return resolved(content.get("application/json", {}).get("schema", {}))


def described_fields(route: Route, part: str) -> set[str]:
    """Names of the fields of a body, or of the parameters in a query string."""
    if part == "body":
        return set(body_schema(route).get("properties", {}))
    parameters = operation(route).get("parameters", [])
    return {one["name"] for one in parameters if one["in"] == part}
