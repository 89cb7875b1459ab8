"""Input serializers refuse what they do not know; output ones only render."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

READ_ONLY = "This is set by the hub and cannot be sent."
UNKNOWN = "Unknown field."


class Input(serializers.Serializer[Any]):
    """Unknown and read-only fields are errors, not ignored."""

    #: Names that users know from answers and may try to send.
    read_only_names: frozenset[str] = frozenset(
        {"id", "entry_id", "sync_version", "created_at", "updated_at", "access_count", "author", "owner"}
    )

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            unknown = set(data) - set(self.fields)
            if unknown:
                raise serializers.ValidationError({name: [self.refusal(name)] for name in sorted(unknown)})
        return super().to_internal_value(data)

    def refusal(self, name: str) -> str:
        return READ_ONLY if name in self.read_only_names else UNKNOWN


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
