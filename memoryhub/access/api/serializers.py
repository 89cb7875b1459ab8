"""Input serializers refuse what they do not know; output ones only render."""

from __future__ import annotations

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
        if isinstance(data, dict):
            unknown = set(data) - set(self.fields)
            if unknown:
                raise serializers.ValidationError({name: [self.refusal(name)] for name in sorted(unknown)})
            # in a query string everything is text, and read as the field's type
            if not self.context.get("query"):
                self.check_types(data)
        return super().to_internal_value(data)

    def check_types(self, data: dict[str, Any]) -> None:
        found = {name: mistyped(self.fields[name], value) for name, value in data.items() if value is not None}
        if wrong := {name: error for name, error in found.items() if error}:
            raise serializers.ValidationError(wrong)

    def refusal(self, name: str) -> str:
        return READ_ONLY if name in self.read_only_names else UNKNOWN


def mistyped(field: Any, value: Any) -> Any:
    """The errors of a value whose JSON type is not the field's; empty where it is, or where the field itself looks."""
    if isinstance(field, serializers.ListField) and isinstance(value, list):
        return {at: error for at, item in enumerate(value) if (error := mistyped(field.child, item))}
    for kind, types, message in JSON_TYPES:
        if isinstance(field, kind):
            right = isinstance(value, types) and (bool in types or not isinstance(value, bool))
            return [] if right else [message]
    return []


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
