"""What the doors of conflicts take."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from agents_app.models import Conflict, Severity, Strategy
from memoryhub.access.api.fields import Choice
from memoryhub.access.api.pagination import PageQuery
from memoryhub.access.api.serializers import Input
from memoryhub.registry.api.fields import AnyValue, Flag, Fraction, JSONObject, Name, Number, Tags, Text
from memoryhub.registry.api.serializers import LAYERS, NamingQuery
from memoryhub.registry.models import MemoryType, Priority, Scope

LARGEST_VERSION = 2**31 - 1
#: Shows a nobody's conflict in the filter ``assignee``.
NOBODY = "nobody"


class Version(serializers.IntegerField):
    def __init__(self, **options: Any) -> None:
        super().__init__(**{"min_value": 0, "max_value": LARGEST_VERSION, **options})


class ConflictsQuery(NamingQuery, PageQuery):
    status = Choice(Conflict.Status.choices, required=False, help_text="Left out, open and decided ones are listed.")
    severity = Choice(Severity.choices, required=False, help_text="How urgent it is.")
    kind = Choice(Conflict.Kind.choices, required=False, help_text="How it came about.")
    agent_id = Name(required=False, help_text="Whose memory it is, or who offers another value.")
    category = Name(required=False, help_text="The entry's category.")
    assignee = Name(required=False, help_text="The name of a reviewer, or 'nobody'.")
    entry_id = serializers.UUIDField(required=False, help_text="Those about this entry.")
    older_than = serializers.DateTimeField(required=False, help_text="Found before this time.")


class ConflictAttributesInput(Input):
    """What is said about the entry beside its value; merged and picked like the value."""

    layer = Choice(LAYERS, required=False)
    priority = Choice(Priority.choices, required=False)
    category = Name(required=False)
    source = Name(required=False)  # type: ignore[assignment]
    memory_type = Choice(MemoryType.choices, required=False)
    importance = Fraction(required=False)
    tags = Tags(required=False)
    metadata = JSONObject(required=False)
    encrypted = Flag(required=False, help_text="The value is your own ciphertext: it is never merged.")


class SubmitInput(Input):
    """A change that was made from an older version. The entry is named by its id, or by its key and scope."""

    read_only_names = Input.read_only_names - {"entry_id"}

    tenant_id = Name(required=False, help_text="Platform keys choose the tenant; other keys may repeat their own.")
    entry_id = serializers.UUIDField(required=False)
    key = Name(required=False)
    scope = Choice(Scope.choices, required=False, help_text="With a key. Left out: user with user_id, else tenant.")
    user_id = Name(required=False, help_text="The user that the entry is about.")
    session_id = Name(required=False)
    agent_id = Name(required=False, help_text="With a key: whose agent-scoped entry is meant; left out, your own.")
    base_version = Version(allow_null=True, help_text="The version it was made from; null: made without knowing one.")
    value = AnyValue(required=False, help_text="The whole new value.")
    deletes = Flag(required=False, default=False, help_text="The change is that the entry goes.")
    attributes = ConflictAttributesInput(required=False)
    strategy = Choice(Strategy.choices, required=False, help_text="Left out, the owning agent's or the hub's.")
    written_at = serializers.DateTimeField(required=False, help_text="When it was made; left out: now.")
    reason = Text(required=False, allow_blank=True, default="", help_text="Why; kept with the version.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("entry_id" in attrs) == ("key" in attrs):
            raise serializers.ValidationError("Name the entry by entry_id, or by key.")
        if ("value" in attrs) == attrs["deletes"]:
            raise serializers.ValidationError("Send a value, or deletes: true.")
        return attrs


class PicksInput(Input):
    """A decision: by strategy, by picks, by a value of your own; picks win over the strategy."""

    strategy = Choice(Strategy.choices, required=False, help_text="Decides every path that you do not pick.")
    choices = JSONObject(
        required=False,
        help_text='By pointer: "base", "current", "candidate:1", "both" or {"value": …}. Pointers of attributes begin '
        'with @, as "@tags".',
    )
    value = AnyValue(required=False, help_text="Replaces the merged value.")


class ResolveInput(PicksInput):
    conflict_version = Version(required=False, help_text="As the preview showed it. Needed with picks or a value.")
    entry_version = Version(required=False, help_text="As the preview showed it. Needed with picks or a value.")
    reason = Text(required=False, allow_blank=True, default="", help_text="Why; kept with the version and the record.")


class DismissInput(Input):
    conflict_version = Version(required=False)
    reason = Text(required=False, allow_blank=True, default="")


class UndoInput(Input):
    reason = Text(required=False, allow_blank=True, default="")
    reopen = Flag(required=False, default=False, help_text="Ask again: opens the same question as a new conflict.")
    as_new = Flag(required=False, default=False, help_text="Also where the entry was changed since the decision.")


class AssignInput(Input):
    assignee = Name(allow_null=True, help_text="The user name of a reviewer; null gives it back to all.")


class SnoozeInput(Input):
    until = serializers.DateTimeField(allow_null=True, help_text="At most 30 days ahead; null wakes it.")


class ConflictHoldInput(Input):
    on = Flag(required=False, default=True, help_text="false lets writers at the entry again.")
    seconds = Number(
        required=False, min_value=1, help_text="At most agents.review_hold_seconds, which is what is taken otherwise."
    )
