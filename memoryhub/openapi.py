"""The last steps of the API's description: what only the whole document shows.

An answer that makes an id known is linked with every address that takes it. A request or answer that its
view gives no example gets one, composed of sample values for the names of its fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from memoryhub.access.api.openapi import HEADERS
from memoryhub.openapi_samples import Samples

Operation = dict[str, Any]
JSON = "application/json"
#: Ids of several kinds that bear one name: each leads to the addresses of its own area alone.
SEVERAL_THINGS = frozenset({"run_id"})


def complete_document(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """drf-spectacular's hook."""
    result["components"]["headers"] = HEADERS
    takers = takers_of_ids(result)
    samples = Samples(result["components"]["schemas"])
    for operation in operations(result):
        link(operation, takers, result)
        give_examples(operation, samples)
    return result


def operations(result: dict[str, Any]) -> Iterator[Operation]:
    for path in result["paths"].values():
        yield from path.values()


def takers_of_ids(result: dict[str, Any]) -> dict[str, list[Operation]]:
    """Names of ids in addresses, and the operations there. An address of several ids needs more than one of them."""
    found: dict[str, list[Operation]] = {}
    for operation in operations(result):
        names = [one["name"] for one in operation.get("parameters", []) if one["in"] == "path"]
        if len(names) == 1:
            found.setdefault(names[0], []).append(operation)
    return found


def good_answer(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = next(answer for code, answer in operation["responses"].items() if code.startswith("2"))
    return found


def give_examples(operation: Operation, samples: Samples) -> None:
    for part, name in ((operation.get("requestBody", {}), "Request"), (good_answer(operation), "Answer")):
        content = part.get("content", {}).get(JSON)
        if content and "examples" not in content:
            value = samples.of(operation["operationId"], content["schema"], sent=name == "Request")
            content["examples"] = {name: {"value": value}}


def link(operation: Operation, takers: dict[str, list[Operation]], result: dict[str, Any]) -> None:
    answer = good_answer(operation)
    needed = ids_needed(operation, result)
    for name, pointer in ids_told(schema_in(answer, result), result, ""):
        for taker in takers.get(name, []) if name not in needed else []:
            if name in SEVERAL_THINGS and taker["tags"] != operation["tags"]:
                continue
            answer.setdefault("links", {})[taker["operationId"]] = {
                "operationId": taker["operationId"],
                "parameters": {name: f"$response.body#{pointer}"},
            }


def schema_in(part: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    return resolved(part.get("content", {}).get(JSON, {}).get("schema", {}), result)


def resolved(schema: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").removeprefix("#/components/schemas/")
    found: dict[str, Any] = result["components"]["schemas"][name] if name else schema
    return found


def ids_needed(operation: Operation, result: dict[str, Any]) -> set[str]:
    """What a caller must know already to ask at all."""
    in_path = {one["name"] for one in operation.get("parameters", []) if one["in"] == "path"}
    return in_path | set(schema_in(operation.get("requestBody", {}), result).get("required", []))


def ids_told(schema: dict[str, Any], result: dict[str, Any], pointer: str) -> Iterator[tuple[str, str]]:
    """Names and places of the ids in an answer; ``snapshot.id`` is a ``snapshot_id``, of a list the first counts."""
    for name, part in schema.get("properties", {}).items():
        inner = resolved(part, result)
        if part.get("nullable"):
            continue  # nothing to follow, often
        if name.endswith("_id"):
            yield name, f"{pointer}/{name}"
        elif "id" in inner.get("properties", {}):
            yield f"{name}_id", f"{pointer}/{name}/id"
        elif name == "results" and inner.get("type") == "array":
            yield from ids_told(resolved(inner["items"], result), result, f"{pointer}/results/0")
