"""Input serializers refuse what they do not know; output ones only render."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from rest_framework import serializers

READ_ONLY = "This is set by the hub and cannot be sent."
UNKNOWN = "Unknown field."
#: What stands for a field in JSON. Django REST framework alone would take 5 for "5", and "yes" for true.
JSON_TYPES: tuple[tuple[type[serializers.Field[Any, Any, Any, Any]], tuple[type, ...], str], ...] = (
    (serializers.CharField, (str,), "Not a JSON string."),
    (serializers.UUIDField, (str,), "Not a JSON string."),
    (serializers.BooleanField, (bool,), "Not true or false."),
    (serializers.IntegerField, (int, float), "Not a JSON number."),
    (serializers.FloatField, (int, float), "Not a JSON number."),
)


class Input(serializers.Serializer[Any]):
    """Unknown and read-only fields are errors, not ignored; so are values of another JSON type."""

    #: Names that users know from answers and may try to send.
    read_only_names: frozenset[str] = frozenset(
        {"id", "entry_id", "sync_version", "created_at", "updated_at", "access_count", "author", "owner"}
    )

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, dict):
            return super().to_internal_value(data)  # which says what is wrong
        refused = {name: [self.refusal(name)] for name in sorted(set(data) - self.readers.keys())}
        if refused:
            raise serializers.ValidationError(refused)
        return self.read_fields(data)

    def refusal(self, name: str) -> str:
        return READ_ONLY if name in self.read_only_names else UNKNOWN

    @cached_property
    def readers(self) -> dict[str, Reader]:
        """How each field is read. Made once, because these serializers are made once."""
        typed = not self.context.get("query")  # in a query string everything is text, read as the field's type
        return {str(field.field_name): Reader(field, typed=typed) for field in self._writable_fields}

    @cached_property
    def needed(self) -> list[str]:
        """The fields that are asked about when they are left out: they must be there, or have a default."""
        return [name for name, reader in self.readers.items() if reader.needed]

    def read_fields(self, data: dict[str, Any]) -> dict[str, Any]:
        """As Django REST framework reads them, but for optional fields that are left out: those cost nothing."""
        found: dict[str, Any] = {}
        errors: dict[str, Any] = {}
        for name in [*data, *(name for name in self.needed if name not in data)]:
            try:
                found[name] = self.readers[name].read(data.get(name, serializers.empty))
            except serializers.ValidationError as error:
                errors[name] = error.detail
            except serializers.SkipField:
                pass
        if errors:
            raise serializers.ValidationError(errors)
        return found


class Reader:
    """One field of an input: its JSON type first, then what the field itself checks."""

    def __init__(self, field: Any, *, typed: bool) -> None:
        self.field = field
        self.types, self.message = json_types(field) if typed else ((), "")
        self.items = Reader(field.child, typed=True) if typed and isinstance(field, serializers.ListField) else None
        self.needed = field.required or field.default is not serializers.empty

    def read(self, value: Any) -> Any:
        wrong = self.mistyped(value)
        if wrong:
            raise serializers.ValidationError(wrong)
        return self.field.run_validation(value)

    def mistyped(self, value: Any) -> Any:
        """The errors of a value of another JSON type; nothing where it is right, or where the field itself looks."""
        if value is None or value is serializers.empty:
            return None
        if self.items is not None:
            items = value if isinstance(value, list) else []
            return {at: error for at, item in enumerate(items) if (error := self.items.mistyped(item))}
        # in Python a bool is an int; in JSON it is none
        right = not self.types or (
            isinstance(value, self.types) and (bool in self.types or not isinstance(value, bool))
        )
        return None if right else [self.message]


def json_types(field: Any) -> tuple[tuple[type, ...], str]:
    return next(((types, message) for kind, types, message in JSON_TYPES if isinstance(field, kind)), ((), ""))


class Output(serializers.Serializer[Any]):
    """Describes an answer in the schema."""

    success = serializers.BooleanField(default=True)


class ProblemOutput(serializers.Serializer[Any]):
    """RFC 9457 problem document."""

    success = serializers.BooleanField(default=False)
    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField()
    errors = serializers.ListField(  # type: ignore[assignment]
        child=serializers.DictField(child=serializers.CharField())
    )
    request_id = serializers.CharField()
