"""The shape of a procedure document: which keys there are, of which types, and how large they may be.

What is refused here cannot even be a draft. Whether it makes sense is a question of ``checking``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from procedures_app.documents import ids, names

MOST_FIELDS, MOST_PRECONDITIONS = 50, 20
MOST_ATTEMPTS, LONGEST_LIMIT = 20, 30 * 24 * 3600
FieldType = Literal["text", "number", "boolean", "choice", "url", "json"]
Op = Literal["equals", "not_equals", "in", "exists", "at_least", "at_most", "matches"]
StepKind = Literal["instruction", "confirmation", "http", "memory", "procedure"]


def one_line(text: str) -> str:
    return " ".join(text.split())


def trimmed(text: str) -> str:
    return text.strip("\n").rstrip()


def canonical_kind(text: str) -> str:
    found = names.kind_slug(text)
    if not found or len(found) > names.LONGEST_KIND:
        raise ValueError(f"Write 1 to {names.LONGEST_KIND} letters and digits, such as deployment.")
    return found


def procedure_name(text: str) -> str:
    if text and not names.PROCEDURE.fullmatch(text):
        raise ValueError("Use lower-case letters, digits and single hyphens, such as safe-deployment.")
    return text


def step_id(text: str) -> str:
    if not names.STEP.fullmatch(text):
        raise ValueError("Use lower-case letters, digits and hyphens, such as run-the-tests.")
    return text


def field_name(text: str) -> str:
    if not names.FIELD.fullmatch(text):
        raise ValueError("Use lower-case letters, digits and _, beginning with a letter, such as tests_passed.")
    return text


Title = Annotated[str, Field(max_length=200), AfterValidator(one_line)]
Words = Annotated[str, Field(max_length=2_000), AfterValidator(trimmed)]
LongText = Annotated[str, Field(max_length=20_000), AfterValidator(trimmed)]
Kind = Annotated[str, Field(max_length=200), AfterValidator(canonical_kind)]
ProcedureName = Annotated[str, Field(max_length=names.LONGEST_PROCEDURE), AfterValidator(procedure_name)]
StepId = Annotated[str, Field(max_length=names.LONGEST_STEP), AfterValidator(step_id)]
FieldName = Annotated[str, Field(max_length=names.LONGEST_FIELD), AfterValidator(field_name)]
Tag = Annotated[str, Field(min_length=1, max_length=50), AfterValidator(one_line)]
Short = Annotated[str, Field(max_length=200)]


class Shape(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class FieldShape(Shape):
    """A value to be handed in: an input of a run, or evidence of a step."""

    name: FieldName
    type: FieldType = "text"
    required: bool = True
    description: Words = ""
    choices: list[Short] | None = Field(None, max_length=100)
    pattern: Annotated[str, Field(max_length=300)] | None = None
    minimum: int | float | None = None
    maximum: int | float | None = None
    must_be: JsonValue = None
    default: JsonValue = None


class CheckShape(Shape):
    path: Annotated[str, Field(max_length=300)]
    op: Op
    value: JsonValue = None


class PreconditionShape(Shape):
    text: Words = ""
    check: CheckShape | None = None
    otherwise: Literal["block", "skip"] = "block"


class RequestShape(Shape):
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"] = "GET"
    url: Annotated[str, Field(max_length=2_000)] = ""
    headers: dict[Short, Words] = Field(default_factory=dict, max_length=30)
    body: JsonValue = None
    expect_status: list[Annotated[int, Field(ge=100, le=599)]] = Field([200], min_length=1, max_length=20)
    save: dict[FieldName, Annotated[str, Field(max_length=300)]] = Field(default_factory=dict, max_length=30)


class ActionShape(Shape):
    model_config = ConfigDict(strict=True, extra="forbid", populate_by_name=True)

    do: Literal["store", "retrieve", "search", "capture_knowledge"]
    given: dict[Short, JsonValue] = Field(default_factory=dict, alias="with", max_length=30)


class RollbackShape(Shape):
    kind: Literal["instruction", "http", "memory"] = "instruction"
    title: Title = ""
    instruction: LongText = ""
    request: RequestShape | None = None
    action: ActionShape | None = None


class StepShape(Shape):
    id: StepId
    kind: StepKind = "instruction"
    title: Title = ""
    instruction: LongText = ""
    request: RequestShape | None = None
    action: ActionShape | None = None
    procedure: ProcedureName | None = None
    inputs: dict[FieldName, JsonValue] | None = Field(None, max_length=MOST_FIELDS)
    agents: list[Short] = Field(default_factory=list, max_length=50)
    evidence: list[FieldShape] = Field(default_factory=list, max_length=MOST_FIELDS)
    preconditions: list[PreconditionShape] = Field(default_factory=list, max_length=MOST_PRECONDITIONS)
    time_limit_seconds: Annotated[int, Field(ge=1, le=LONGEST_LIMIT)] | None = None
    max_attempts: Annotated[int, Field(ge=1, le=MOST_ATTEMPTS)] = 1
    on_failure: Literal["retry", "roll_back", "escalate", "fail"] = "escalate"
    rollback: RollbackShape | None = None


class DocumentShape(Shape):
    name: ProcedureName = ""
    title: Title = ""
    summary: LongText = ""
    kind: Kind = "general"
    tags: list[Tag] = Field(default_factory=list, max_length=20)
    inputs: list[FieldShape] = Field(default_factory=list, max_length=MOST_FIELDS)
    preconditions: list[PreconditionShape] = Field(default_factory=list, max_length=MOST_PRECONDITIONS)
    steps: list[StepShape] = Field(default_factory=list, max_length=ids.MOST_STEPS)


#: Keys of a step (or of its roll-back) that belong to one kind alone.
CONFIG_OF: dict[str, tuple[str, ...]] = {
    "http": ("request",),
    "memory": ("action",),
    "procedure": ("procedure", "inputs"),
}
OPTIONAL_IN_FIELDS = ("choices", "pattern", "minimum", "maximum", "must_be", "default")


def config_keys(kind: str) -> tuple[str, ...]:
    return CONFIG_OF.get(kind, ())


def as_document(shape: DocumentShape) -> dict[str, Any]:
    """The normal form: every key is there, but for those that belong to other kinds and unset ones of fields."""
    document = shape.model_dump(by_alias=True)
    document["inputs"] = [field_of(one) for one in document["inputs"]]
    document["preconditions"] = [{"text": one["text"], "check": one["check"]} for one in document["preconditions"]]
    document["steps"] = [step_of(one) for one in document["steps"]]
    return document


def field_of(dumped: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in dumped.items() if value is not None or name not in OPTIONAL_IN_FIELDS}


def step_of(dumped: dict[str, Any]) -> dict[str, Any]:
    step = without_other_kinds(dumped)
    step["evidence"] = [field_of(one) for one in step["evidence"]]
    step["rollback"] = without_other_kinds(step["rollback"]) if step["rollback"] else None
    return step


def without_other_kinds(dumped: dict[str, Any]) -> dict[str, Any]:
    others = {key for keys in CONFIG_OF.values() for key in keys} - set(config_keys(dumped["kind"]))
    kept = {name: value for name, value in dumped.items() if name not in others}
    return {name: value for name, value in kept.items() if value is not None or name not in config_keys(kept["kind"])}
