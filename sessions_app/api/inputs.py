"""What the session endpoints take."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from rest_framework import serializers

from memoryhub.access.api.fields import Choice
from memoryhub.access.api.pagination import PageQuery
from memoryhub.access.api.serializers import Input
from memoryhub.access.services.agents import AGENT_ID
from memoryhub.registry.api.fields import AnyValue, Fraction, Name, Tags
from memoryhub.registry.models.entries import MemoryType, Priority, Scope
from sessions_app.models import ContextSnapshot, Message, Session, Task

#: One path segment that no other address of this area uses.
SESSION_ID = r"^(?!(?:context|resume|\.{1,2})\Z)[^\s/\x00-\x1f\x7f](?:[^/\x00-\x1f\x7f]*[^\s/\x00-\x1f\x7f])?\Z"
SESSION_ID_RULE = (
    "Use 1 to 512 characters without '/', control characters, and spaces at the ends; not 'context' or 'resume'."
)


#: Of one save: each is looked up among the known ones, in the save's own transaction.
MOST_ERRORS = 10


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
    role = Choice(Message.Role.choices)
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
    after = serializers.IntegerField(
        required=False, min_value=0, max_value=2**31 - 1, default=0, help_text="Messages with greater numbers."
    )
    limit = serializers.IntegerField(
        required=False, min_value=1, max_value=settings.CONFIG.limits.page, default=50, help_text="Rows on a page."
    )


def object_field(**kwargs: Any) -> JSONObject:
    return JSONObject(required=False, **kwargs)


class TaskFieldsInput(Input):
    task_id = name_field(required=False, help_text="Updates the task of that name, or makes it; made up if left out.")
    description = serializers.CharField(required=False, max_length=10_000, help_text="Needed for a new task.")
    status = Choice(Task.Status.choices, required=False)
    priority = Choice(Priority.choices, required=False)
    assigned_agent = name_field(required=False, allow_null=True)
    result = serializers.JSONField(required=False, allow_null=True)
    metadata = object_field()


class TaskInput(TaskFieldsInput, SessionInput):
    pass


class FactInput(SessionInput):
    """One fact as key and value, or several as ``facts``; null forgets one."""

    key = name_field(required=False)
    value = serializers.JSONField(required=False, allow_null=True)
    facts = object_field()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("key" in attrs) != ("value" in attrs):
            raise serializers.ValidationError({"key": ["Send key and value together."]})
        named = {attrs["key"]: attrs["value"]} if "key" in attrs else {}
        attrs["facts"] = {**attrs.get("facts", {}), **named}
        if not attrs["facts"]:
            raise serializers.ValidationError({"key": ["Send key and value, or facts."]})
        return attrs


class WorkingMemoryInput(SessionInput):
    values = JSONObject(help_text="Merged into the working memory; null forgets a key.")
    replace = serializers.BooleanField(default=False, help_text="Forget what is not named.")


class HandoffInput(SessionInput):
    to_agent = serializers.RegexField(rf"^{AGENT_ID.pattern}\Z", help_text="The agent that takes over.")
    handoff_reason = serializers.CharField(max_length=10_000)
    critical_info = object_field(help_text="Facts that must not be lost; they join the session's critical facts.")
    continuation_instructions = serializers.CharField(required=False, allow_blank=True, max_length=100_000, default="")


class RejectInput(CallerInput):
    reason = serializers.CharField(required=False, allow_blank=True, max_length=10_000, default="")


class EndInput(SessionInput):
    reason = serializers.CharField(required=False, allow_blank=True, max_length=10_000, default="completed")


class SnapshotFields(Input):
    context_type = Choice(ContextSnapshot.ContextType.choices, default="task")
    tags = serializers.ListField(child=name_field(), required=False, max_length=100)
    importance = serializers.IntegerField(min_value=1, max_value=10, default=5)
    expires_at = serializers.DateTimeField(required=False, allow_null=True, help_text="After 30 days if left out.")


class SnapshotInput(SnapshotFields, SessionInput):
    context_data = serializers.JSONField(help_text="The context to keep: any JSON.")


class DecisionFields(Input):
    title = serializers.CharField(max_length=1_000)
    decision = serializers.CharField(max_length=100_000)
    rationale = serializers.CharField(required=False, allow_blank=True, max_length=100_000)
    alternatives = serializers.ListField(child=serializers.JSONField(), required=False, max_length=100)
    metadata = object_field()


class DecisionInput(DecisionFields, SessionInput):
    pass


class MemoryFields(Input):
    """A memory to store; it is about the session's user where there is one."""

    key = Name()
    value = AnyValue(help_text="Any JSON up to limits.value_kb.")
    scope = Choice(Scope.choices, required=False, help_text="Left out: user where the session has one, else tenant.")
    category = Name(required=False)
    memory_type = Choice(MemoryType.choices, required=False)
    importance = Fraction(required=False)
    tags = Tags(required=False)


class ErrorFields(Input):
    message = serializers.CharField(max_length=64_000)
    error_type = serializers.CharField(required=False, allow_blank=True, max_length=200, default="")
    context = object_field()  # type: ignore[assignment]


class SaveInput(SnapshotFields, SessionInput):
    context_data = serializers.JSONField(
        required=False, allow_null=True, help_text="The context to keep; the session's own state if left out."
    )
    todos = serializers.ListField(child=TaskFieldsInput(), required=False, max_length=settings.CONFIG.limits.batch)
    decisions = serializers.ListField(child=DecisionFields(), required=False, max_length=100)
    memories = serializers.ListField(
        child=MemoryFields(), required=False, max_length=100, help_text="What to remember beyond the session."
    )
    errors = serializers.ListField(  # type: ignore[assignment]
        child=ErrorFields(),
        required=False,
        max_length=MOST_ERRORS,
        help_text="Errors met: captured and matched to known ones.",
    )
    status = serializers.JSONField(
        required=False, allow_null=True, help_text="How the systems stand, kept as a snapshot of the type system."
    )


class CallerPage(PageQuery):
    tenant_id = name_field(required=False)
    user_id = name_field(required=False, help_text="The user whom the request speaks about.")


class SessionsQuery(CallerPage):
    status = Choice(Session.Status.choices, required=False, help_text="Only sessions in this state.")
    agent = name_field(required=False, help_text="Sessions whose current agent this is.")


class OfSessionPage(CallerPage):
    session_id = SessionIdField(required=False)


class SnapshotsQuery(OfSessionPage):
    context_type = Choice(ContextSnapshot.ContextType.choices, required=False)
    tag = name_field(required=False, help_text="One of its tags.")
    min_importance = serializers.IntegerField(
        min_value=1, max_value=10, required=False, help_text="At least this important, of 10."
    )


class BriefingQuery(CallerInput):
    session_id = SessionIdField(required=False, help_text="The session to go on with; the last one if left out.")
