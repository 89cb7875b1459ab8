"""From parsed JSON or YAML to a document in its normal form."""

from __future__ import annotations

import json
import math
import re
from typing import Any, TypeAlias

from pydantic import ValidationError

from procedures_app.documents import ids, yaml_text
from procedures_app.documents.problems import DocumentInvalid
from procedures_app.documents.shapes import CONFIG_OF, DocumentShape, as_document, config_keys

#: A procedure in its normal form, as ``read`` gives it.
Document: TypeAlias = dict[str, Any]
Errors = list[tuple[str, str]]
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]")
DEEPEST, LONGEST = 20, 400_000
#: What is written can be read again: of this many events, with those of the text itself.
MOST_VALUES = yaml_text.MOST_NODES - 10
#: What is looked at before anything is known of the shape.
MOST_LOOKED_AT = 2_000_000
TOO_LARGE = ("", f"The procedure is larger than {LONGEST // 1000} kB, or has too many values. Split it into several.")
WORDS = {
    "missing": "This is missing.",
    "extra_forbidden": "Unknown key.",
    "string_type": "This must be a text.",
    "bool_type": "This must be true or false.",
    "int_type": "This must be a whole number.",
    "float_type": "This must be a number.",
    "list_type": "This must be a list.",
    "dict_type": "This must be an object with keys and values.",
    "model_type": "This must be an object with keys and values.",
    "model_attributes_type": "This must be an object with keys and values.",
    "literal_error": "Choose one of: {expected}.",
    "string_too_long": "At most {max_length} characters.",
    "string_too_short": "At least {min_length} character.",
    "too_long": "At most {max_length} of them.",
    "too_short": "At least {min_length} of them.",
    "greater_than_equal": "At least {ge}.",
    "less_than_equal": "At most {le}.",
}


def read(data: Any, *, over: Document | None = None) -> Document:
    """The document in its normal form. Steps without an id get one: that of the step of ``over`` which they are.

    Raises DocumentInvalid with every place that does not fit the shape.
    """
    cleaned = clean(data)
    if not isinstance(cleaned, dict):
        raise DocumentInvalid([("", "A procedure is an object with keys such as title and steps.")])
    cleaned = ids.with_ids(cleaned, over)
    try:
        shape = DocumentShape.model_validate(cleaned)
    except ValidationError as error:
        raise DocumentInvalid(errors_of(error)) from error
    if errors := [*misplaced(cleaned), *doubles(shape)]:
        raise DocumentInvalid(errors)
    document = as_document(shape)
    if len(json.dumps(document, ensure_ascii=False)) > LONGEST or values_in(document) > MOST_VALUES:
        raise DocumentInvalid([TOO_LARGE])
    return document


def values_in(node: Any) -> int:
    """As texts count them: a value is one, a list or an object two and what is in it."""
    if isinstance(node, dict):
        return 2 + sum(1 + values_in(value) for value in node.values())
    return 2 + sum(map(values_in, node)) if isinstance(node, list) else 1


def clean(data: Any) -> Any:
    """The same with line ends as ``\\n``. Raises DocumentInvalid for what no format could give back."""
    errors: Errors = []
    budget = [MOST_LOOKED_AT]
    cleaned = clean_node(data, "", 1, budget, errors)
    if errors:
        raise DocumentInvalid(errors)
    return cleaned


def clean_node(node: Any, path: str, depth: int, budget: list[int], errors: Errors) -> Any:
    budget[0] -= len(node) + 2 if isinstance(node, str) else 8
    if depth > DEEPEST:
        errors.append((path, f"This is nested deeper than {DEEPEST} levels."))
    elif budget[0] < 0:
        errors[:] = [TOO_LARGE]
    elif isinstance(node, str):
        return clean_text(node, path, errors)
    elif isinstance(node, dict):
        return {
            clean_text(str(key), path, errors): clean_node(value, joined(path, key), depth + 1, budget, errors)
            for key, value in node.items()
        }
    elif isinstance(node, (list, tuple)):
        return [clean_node(one, f"{path}[{n}]", depth + 1, budget, errors) for n, one in enumerate(node)]
    elif isinstance(node, float) and not math.isfinite(node):
        errors.append((path, "This must be a finite number."))
    elif isinstance(node, int) and not isinstance(node, bool) and abs(node) >= 10**300:
        errors.append((path, "This number is too large."))
    elif node is not None and not isinstance(node, (bool, int, float)):
        errors.append((path, "This must be text, a number, true, false, null, a list or an object."))
    return node


def clean_text(text: str, path: str, errors: Errors) -> str:
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    if found := CONTROL.search(plain):
        errors.append((path, f"This holds a control character (U+{ord(found.group()):04X}). Remove it."))
    return plain


def joined(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)


def errors_of(error: ValidationError) -> Errors:
    found: dict[str, str] = {}
    for one in error.errors():
        found.setdefault(path_of(one["loc"]), words_of(one))
    return list(found.items())


def path_of(places: tuple[int | str, ...]) -> str:
    path = ""
    for place in places:
        # the names of the types in a union are no part of the path
        if isinstance(place, int):
            path += f"[{place}]"
        elif place not in ("int", "float", "list", "dict", "str", "bool") and "[" not in place:
            path = joined(path, place)
    return path


def words_of(error: Any) -> str:
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    wording = WORDS.get(error["type"])
    return wording.format(**error.get("ctx", {})) if wording else f"{error['msg']}."


def misplaced(data: dict[str, Any]) -> Errors:
    """Keys that belong to another kind of step: silently leaving them out would lose what somebody wrote."""
    errors: Errors = []
    for n, step in enumerate(data.get("steps") or []):
        errors += strange_keys(step, f"steps[{n}]")
        if step.get("rollback"):
            errors += strange_keys(step["rollback"], f"steps[{n}].rollback")
    pres = enumerate(data.get("preconditions") or [])
    message = "Only a step can be skipped. Leave it out: the run does not start."
    return errors + [(f"preconditions[{n}].otherwise", message) for n, pre in pres if pre.get("otherwise") == "skip"]


def strange_keys(step: dict[str, Any], path: str) -> Errors:
    allowed = config_keys(step.get("kind", "instruction"))
    return [
        (f"{path}.{key}", f"Only a step of the kind {kind} has this.")
        for kind, keys in CONFIG_OF.items()
        for key in keys
        if key not in allowed and step.get(key) is not None
    ]


def doubles(shape: DocumentShape) -> Errors:
    seen: dict[str, int] = {}
    errors: Errors = []
    for n, step in enumerate(shape.steps):
        first = seen.setdefault(step.id, n)
        if first != n:
            errors.append((f"steps[{n}].id", f"Step {first + 1} has this id already. Each step has its own."))
    return errors
