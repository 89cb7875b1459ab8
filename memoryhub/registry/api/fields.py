"""Fields that take exactly the JSON type they name: no number for a text, no text for a number."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers


class Text(serializers.CharField):
    """A JSON string, kept as it is: white space is not trimmed."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"trim_whitespace": False, "max_length": 2000, **options})

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return str(data)


class Name(Text):
    """A key or id: at least one character, at most ``limits.key_length``."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_length": settings.CONFIG.limits.key_length, **options})


class Number(serializers.FloatField):
    """A JSON number."""

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, (int, float)):
            self.fail("invalid")
        return float(data)


class Fraction(Number):
    """A JSON number from 0 to 1."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=0, max_value=1, **options)


class Flag(serializers.BooleanField):
    """JSON true or false."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return bool(data)


@extend_schema_field(OpenApiTypes.ANY)
class AnyValue(serializers.Field[Any, Any, Any, Any]):
    """Any JSON value, null included."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_null": True, **options})

    def to_internal_value(self, data: Any) -> Any:
        return data

    def to_representation(self, value: Any) -> Any:
        return value


@extend_schema_field({"type": "object", "additionalProperties": {}})
class JSONObject(AnyValue):
    """A JSON object."""

    default_error_messages = {"invalid": "Not a JSON object."}

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_null": False, **options})

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, dict):
            self.fail("invalid")
        return data


class Tags(serializers.ListField):
    """Up to 100 words or phrases."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"child": Text(max_length=200), "max_length": 100, **options})
