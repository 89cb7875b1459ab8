"""What the doors to operations, guidance, work history and their rules take."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from memoryhub.access import consulting
from memoryhub.access.api.fields import Choice
from memoryhub.access.api.pagination import PageQuery
from memoryhub.access.api.serializers import Input
from memoryhub.registry.api.fields import AnyValue, Flag, JSONObject, Name, Text
from procedures_app.models import Mode, Operation
from procedures_app.services.guidance import LONGEST_TASK
from procedures_app.services.operations import LONGEST_DURATION

KIND_HELP = "What kind of work it is, such as deployment; case and punctuation make no difference."
LONGEST_GIVEN_KIND = 200
LONGEST_MESSAGE = 65_536


class CallerInput(Input):
    """Whom the request speaks about."""

    tenant_id = Name(required=False, help_text="Your key's tenant; a platform key names one.")
    user_id = Name(required=False, help_text="The user whom it is about.")
    session_id = Name(required=False, help_text="The session that it happens in.")


class KindField(Text):
    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_length": LONGEST_GIVEN_KIND, "required": False, "help_text": KIND_HELP, **options})


class TaskField(Text):
    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_length": LONGEST_TASK, **options})


class DurationField(serializers.IntegerField):
    def __init__(self, **options: Any) -> None:
        told = "How long it took, in milliseconds."
        super().__init__(
            **{"min_value": 0, "max_value": LONGEST_DURATION, "required": False, "help_text": told, **options}
        )


class GuidanceInput(CallerInput):
    task = TaskField(help_text="What is to be done, in words.")
    kind = KindField()
    context = AnyValue(  # type: ignore[assignment]
        required=False, help_text="What else is known: changes, risk, an error. It is searched, too."
    )
    task_id = Name(required=False, help_text="The name of the task: done before, it is said so.")


class BeginInput(GuidanceInput):
    """As for guidance."""


class ErrorInput(Input):
    message = Text(
        max_length=LONGEST_MESSAGE, help_text="The error as it was shown, a whole traceback if there is one."
    )
    type = Text(required=False, max_length=200, help_text="Such as ConnectionRefusedError or E11000.")
    context = JSONObject(required=False, help_text="What was going on.")  # type: ignore[assignment]


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "maxLength": LONGEST_MESSAGE},
            {
                "type": "object",
                "properties": {
                    "message": {"type": "string", "minLength": 1, "maxLength": LONGEST_MESSAGE},
                    "type": {"type": "string", "minLength": 1, "maxLength": 200},
                    "context": {"type": "object", "additionalProperties": {}},
                },
                "required": ["message"],
                "additionalProperties": False,
            },
        ],
        "nullable": True,
    }
)
class ErrorField(AnyValue):
    """A text, or an object of message, type and context."""

    def to_internal_value(self, data: Any) -> Any:
        if data is None or data == "":
            return None
        return ErrorInput().run_validation({"message": data} if isinstance(data, str) else data)


class FinishInput(Input):
    tenant_id = Name(required=False, help_text="Your key's tenant; a platform key names one.")
    consultation_token = serializers.RegexField(
        rf"^{consulting.PATTERN}\Z",
        required=False,
        trim_whitespace=False,
        help_text="As operations/begin gave it. It may stand in the header Consultation-Token instead.",
    )
    success = Flag(help_text="Whether the work was done.")
    result = AnyValue(required=False, help_text="What came of it; found by whoever does the like.")
    error = ErrorField(required=False, help_text="What went wrong: a text, or {message, type, context}.")
    duration_ms = DurationField(help_text="In milliseconds; counted from begin if left out.")
    solution_worked = Flag(required=False, help_text="Whether the solution that guidance told of helped.")


class AbandonInput(CallerInput):
    reason = Text(required=False, allow_blank=True, help_text="Why it is not done.")


class WorkInput(CallerInput):
    action = TaskField(help_text="What was done, in words.")
    kind = KindField(help_text=f"{KIND_HELP} Left out, that of the operation that you are at work on.")
    task_id = Name(required=False)
    input = AnyValue(required=False, help_text="What it was done with: the same action with the same input is known.")
    output = AnyValue(required=False, help_text="What came of it.")
    success = Flag(required=False, allow_null=True, help_text="Left out: not said.")
    error_message = Text(required=False, allow_null=True, allow_blank=True, max_length=LONGEST_MESSAGE)
    duration_ms = DurationField(allow_null=True)


class WorkCheckInput(CallerInput):
    task_id = Name(required=False, help_text="By this name first.")
    action = TaskField(required=False, help_text="Then by the same words with the same input, then by likeness.")
    input = AnyValue(required=False)
    kind = KindField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not {"task_id", "action"} & set(attrs):
            raise serializers.ValidationError({"action": "Say what is to be done, or name its task_id."})
        return attrs


class EnforcementRuleInput(Input):
    tenant_id = Name(required=False, help_text="Your key's tenant; a platform key names one.")
    mode = Choice(Mode.choices, help_text="What holds for work of this kind without a consultation.")
    procedure = Name(
        required=False, allow_null=True, help_text="In strict mode work ends well only with a completed run of it."
    )
    note = Text(required=False, allow_blank=True, help_text="Why there is this rule.")


class TenantQuery(Input):
    tenant_id = Name(required=False, help_text="Your key's tenant; a platform key names one.")


class RulesQuery(TenantQuery, PageQuery):
    """A page of the tenant's rules."""


class HistoryQuery(CallerInput, PageQuery):
    kind = KindField(help_text="Only of this kind.")
    agent_id = Name(required=False, help_text="Only of this agent.")
    task_id = Name(required=False, help_text="Only of this task.")
    since = serializers.DateTimeField(required=False, help_text="From then on.")
    until = serializers.DateTimeField(required=False, help_text="Before then.")


class OperationsQuery(HistoryQuery):
    status = Choice(Operation.Status.choices, required=False)


class WorkQuery(HistoryQuery):
    success = serializers.BooleanField(required=False, allow_null=True, default=None, help_text="How it ended.")
    operation_id = serializers.UUIDField(required=False, help_text="Only what was done within this operation.")
