"""What the session endpoints take."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from rest_framework import serializers

from memoryhub.access.api.serializers import Input
from sessions_app.models import Message

#: One path segment that no other address of this area uses.
SESSION_ID = r"^(?!(?:context|resume|\.{1,2})\Z)[^\s/\x00-\x1f\x7f](?:[^/\x00-\x1f\x7f]*[^\s/\x00-\x1f\x7f])?\Z"
SESSION_ID_RULE = (
    "Use 1 to 512 characters without '/', control characters, and spaces at the ends; not 'context' or 'resume'."
)


class JSONObject(serializers.DictField):
    """A JSON object with any values."""

    child = serializers.JSONField(allow_null=True)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.fail("not_a_dict", input_type=type(data).__name__)
        return data


class SessionIdField(serializers.RegexField):
    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("help_text", "The name of the session, unique in the tenant.")
        super().__init__(
            SESSION_ID,
            max_length=settings.CONFIG.limits.key_length,
            trim_whitespace=False,
            error_messages={"invalid": SESSION_ID_RULE},
            **kwargs,
        )


def name_field(**kwargs: Any) -> serializers.CharField:
    return serializers.CharField(max_length=settings.CONFIG.limits.key_length, **kwargs)


class CallerInput(Input):
    """Whom the request speaks about."""

    tenant_id = name_field(required=False, help_text="Your key's tenant; a platform key names one.")
    user_id = name_field(required=False, help_text="The user whom the session belongs to.")


class SessionInput(CallerInput):
    session_id = SessionIdField()


class StartInput(CallerInput):
    session_id = SessionIdField(
        required=False, help_text="The name of the session, unique in the tenant; made up if left out."
    )
    initial_context = JSONObject(required=False, help_text="What is known at the start.")
    metadata = JSONObject(required=False)


class MessageFields(Input):
    role = serializers.ChoiceField(choices=Message.Role.choices)
    content = serializers.CharField(allow_blank=True, trim_whitespace=False)
    name = name_field(required=False, allow_null=True, help_text="The speaker.")
    at = serializers.DateTimeField(required=False, allow_null=True, help_text="When it was said, if not now.")
    metadata = JSONObject(required=False)


class MessageInput(MessageFields, SessionInput):
    pass


class MessagesInput(SessionInput):
    messages = serializers.ListField(
        child=MessageFields(), min_length=1, max_length=settings.CONFIG.limits.batch, help_text="In the order said."
    )


class MessagesQuery(CallerInput):
    after = serializers.IntegerField(required=False, min_value=0, max_value=2**31 - 1, default=0)
    limit = serializers.IntegerField(required=False, min_value=1, max_value=settings.CONFIG.limits.page, default=50)
