"""Input fields that say what is allowed."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class Choice(serializers.ChoiceField):
    """One of a few strings; says which when it is another."""

    default_error_messages = {"invalid_choice": "'{input}' is not known. Allowed: {allowed}."}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or data not in self.choices:
            self.fail("invalid_choice", input=data, allowed=", ".join(self.choices))
        return str(data)
