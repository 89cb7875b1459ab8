"""A document without what goes without saying, for people to read."""

from __future__ import annotations

from typing import Any

from procedures_app.documents.shapes import (
    ActionShape,
    DocumentShape,
    FieldShape,
    PreconditionShape,
    RequestShape,
    RollbackShape,
    Shape,
    StepShape,
)

#: Written although it is the usual value: it says what one looks at.
SAID_ANYWAY = {"kind", "type", "method"}
PARTS: dict[str, type[Shape]] = {
    "inputs": FieldShape,
    "evidence": FieldShape,
    "preconditions": PreconditionShape,
    "steps": StepShape,
    "rollback": RollbackShape,
    "request": RequestShape,
    "action": ActionShape,
}


def compact(document: dict[str, Any]) -> dict[str, Any]:
    return without_usual(document, DocumentShape)


def without_usual(node: dict[str, Any], shape: type[Shape]) -> dict[str, Any]:
    usual = {
        name: field.get_default(call_default_factory=True, validated_data={})
        for name, field in shape.model_fields.items()
    }
    return {
        name: part(name, value)
        for name, value in node.items()
        if name in SAID_ANYWAY or name not in usual or value != usual[name] or type(value) is not type(usual[name])
    }


def part(name: str, value: Any) -> Any:
    shape = PARTS.get(name)
    if shape and isinstance(value, dict):
        return without_usual(value, shape)
    if shape and isinstance(value, list):
        return [without_usual(one, shape) for one in value]
    return value
