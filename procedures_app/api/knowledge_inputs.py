"""What the doors to knowledge and errors take."""

from __future__ import annotations

from rest_framework import serializers

from memoryhub.access.api.fields import Choice
from memoryhub.access.api.pagination import PageQuery
from memoryhub.access.api.serializers import Input
from memoryhub.registry.api.fields import AnyValue, Flag, Fraction, JSONObject, Name, Tags, Text
from memoryhub.search.requests import LONGEST_QUERY, MODES, MOST_RESULTS
from procedures_app.models import Knowledge
from procedures_app.services.drafting import LONGEST_TEXT, LONGEST_TITLE
from procedures_app.services.problems import LONGEST_TYPE, MOST_MATCHES
from procedures_app.services.solutions import LONGEST, LONGEST_NOTE

#: Messages are bounded by ``limits.value_kb``, which the service checks.
LONGEST_MESSAGE = 1_000_000
HIGHEST_VERSION = 2**31 - 1


class CallerInput(Input):
    """Whom the request speaks about."""

    tenant_id = Name(required=False, help_text="Your key's tenant; a platform key names one.")
    user_id = Name(required=False, help_text="What is about this user is in reach, too.")
    session_id = Name(required=False, help_text="What was learned in this session is in reach, too.")


class ReasonInput(CallerInput):
    reason = Text(required=False, allow_blank=True, help_text="Why; kept with the version.")


class WrittenFields(Input):
    """What can be said of knowledge."""

    title = Text(max_length=LONGEST_TITLE, help_text="What it is about, in one line.")
    content = AnyValue(help_text="A text, or an object; its members `error`, `cause` and `solution` are understood.")
    knowledge_type = Choice(Knowledge.Type.values, default=Knowledge.Type.REFERENCE.value)
    tags = Tags(default=list)
    importance = Fraction(default=0.5)


class CaptureInput(CallerInput, WrittenFields):
    solution = Text(
        required=False, allow_null=True, max_length=LONGEST, help_text="What solves it, besides one in the content."
    )
    error = AnyValue(
        required=False, help_text="The error text, or an object with `message` and `type`: makes it a problem."
    )
    private = Flag(default=False, help_text="Only for callers that name the same user or session.")


class KnowledgeChangeInput(Input):
    reason = Text(required=False, allow_blank=True, help_text="Why; kept with the version.")
    title = Text(required=False, max_length=LONGEST_TITLE)
    content = AnyValue(required=False, help_text="A text or an object.")
    knowledge_type = Choice(Knowledge.Type.values, required=False)
    tags = Tags(required=False)
    importance = Fraction(required=False)
    problem_description = Text(required=False, allow_blank=True, max_length=LONGEST_TEXT)


class KnowledgeQuery(CallerInput, PageQuery):
    knowledge_type = Choice(Knowledge.Type.values, required=False, help_text="Only of this type.")
    tag = Text(required=False, max_length=2_000, help_text="A tag that it has; several, with commas: all of them.")
    status = Choice(
        Knowledge.Status.values, default=Knowledge.Status.ACTIVE.value, help_text="Active ones if left out."
    )
    verified = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="Whether a person confirmed it."
    )
    error_type = Text(required=False, max_length=LONGEST_TYPE, help_text="Such as ConnectionRefusedError.")
    text = Text(required=False, max_length=LONGEST_QUERY, help_text="Stands in it as it is; case does not matter.")


class OneQuery(CallerInput):
    pass


class VersionsQuery(CallerInput, PageQuery):
    pass


class ArchiveQuery(ReasonInput):
    pass


class KnowledgeSearchInput(CallerInput):
    query = Text(max_length=LONGEST_QUERY, help_text="What to find, in words.")
    knowledge_type = Choice(Knowledge.Type.values, required=False, allow_null=True)
    tags = Tags(required=False, help_text="All of these.")
    mode = Choice(MODES, default="hybrid")
    limit = serializers.IntegerField(min_value=1, max_value=MOST_RESULTS, default=10)


class MatchInput(CallerInput):
    message = Text(max_length=LONGEST_MESSAGE, help_text="What the error said, with its traceback if there is one.")
    error_type = Text(required=False, allow_blank=True, max_length=LONGEST_TYPE, help_text="If the message lacks it.")
    limit = serializers.IntegerField(min_value=1, max_value=MOST_MATCHES, default=5)


class FeedbackInput(CallerInput):
    solution_id = serializers.UUIDField()
    worked = Flag()
    error_id = serializers.UUIDField(required=False, allow_null=True, help_text="The captured error it was tried on.")
    operation_id = serializers.UUIDField(required=False, allow_null=True, help_text="The operation it was tried in.")
    note = Text(required=False, allow_blank=True, max_length=LONGEST_NOTE)


class KnowledgeRestoreInput(ReasonInput):
    version = serializers.IntegerField(min_value=1, max_value=HIGHEST_VERSION)


class SolutionInput(CallerInput):
    text = Text(max_length=LONGEST, help_text="What to do.")
    procedure = Text(required=False, allow_blank=True, max_length=200, help_text="Name of the procedure to follow.")


class VerifyInput(ReasonInput):
    verified = Flag(default=True, help_text="false takes it back.")


class MergeInput(ReasonInput):
    drop_id = serializers.UUIDField(help_text="What this one takes in.")


class SupersedeInput(ReasonInput):
    by_id = serializers.UUIDField(help_text="What takes its place.")


class ErrorInput(CallerInput):
    message = Text(max_length=LONGEST_MESSAGE, help_text="What the error said, with its traceback if there is one.")
    error_type = Text(required=False, allow_blank=True, max_length=LONGEST_TYPE, help_text="If the message lacks it.")
    context = JSONObject(  # type: ignore[assignment]
        required=False, help_text="What was being done, with what."
    )
    operation_id = serializers.UUIDField(required=False, allow_null=True, help_text="The operation that met it.")


class ErrorsQuery(CallerInput, PageQuery):
    error_type = Text(required=False, max_length=LONGEST_TYPE, help_text="Such as ConnectionRefusedError.")
    knowledge_id = serializers.UUIDField(required=False, help_text="The problem that they count for.")
    agent_id = Name(required=False, help_text="Who met it.")
    solved = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="Whether the recommended solution helped."
    )
