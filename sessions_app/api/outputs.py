"""What the session endpoints answer."""

from __future__ import annotations

from rest_framework import serializers

from memoryhub.access.api.serializers import Output
from memoryhub.registry.services.entries import Stored
from sessions_app.models import ContextSnapshot, Decision, Handoff, Message, Session, Task


class SessionOutput(Output):
    session_id = serializers.CharField()
    status = serializers.ChoiceField(choices=Session.Status.choices)
    start_time = serializers.DateTimeField()
    last_activity = serializers.DateTimeField()
    tenant_id = serializers.CharField()
    user_id = serializers.CharField(allow_null=True)
    version = serializers.IntegerField()


class StartedOutput(SessionOutput):
    resumed = serializers.BooleanField(help_text="True where an open session of that name was there already.")


class ResumedOutput(SessionOutput):
    message_count = serializers.IntegerField()
    task_count = serializers.IntegerField()
    active_agents = serializers.ListField(child=serializers.CharField())


class MessageOutput(serializers.Serializer[Message]):
    id = serializers.UUIDField()
    sequence = serializers.IntegerField(help_text="1, 2, 3, … without gaps.")
    role = serializers.ChoiceField(choices=Message.Role.choices)
    name = serializers.CharField(allow_null=True)
    content = serializers.CharField()
    at = serializers.DateTimeField()
    metadata = serializers.DictField()
    author = serializers.CharField()


class AddedOutput(Output):
    session_id = serializers.CharField()
    message_id = serializers.UUIDField()
    sequence = serializers.IntegerField(help_text="The number of the message in its session.")


class AddedManyOutput(Output):
    session_id = serializers.CharField()
    message_ids = serializers.ListField(child=serializers.UUIDField())
    first_sequence = serializers.IntegerField()
    last_sequence = serializers.IntegerField()
    count = serializers.IntegerField()


class MessagesOutput(Output):
    session_id = serializers.CharField()
    message_count = serializers.IntegerField(help_text="Messages of the whole session.")
    results = MessageOutput(many=True)
    next = serializers.URLField(allow_null=True, help_text="Address of the next page; null on the last.")


class TaskFields(serializers.Serializer[Task]):
    id = serializers.CharField()
    description = serializers.CharField()
    status = serializers.ChoiceField(choices=Task.Status.choices)
    priority = serializers.CharField()
    assigned_agent = serializers.CharField(allow_null=True)
    result = serializers.JSONField(allow_null=True)
    metadata = serializers.DictField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    completed_at = serializers.DateTimeField(allow_null=True)


class ConversationPart(serializers.Serializer[Session]):
    message_count = serializers.IntegerField()
    recent_messages = MessageOutput(many=True)
    summary = serializers.CharField()
    highlights = serializers.ListField(child=serializers.CharField())


class AgentsPart(serializers.Serializer[Session]):
    current = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    active = serializers.ListField(child=serializers.CharField())
    handoff_count = serializers.IntegerField()


class TasksPart(serializers.Serializer[Session]):
    pending = TaskFields(many=True)
    completed = TaskFields(many=True)
    total = serializers.IntegerField()
    completion_rate = serializers.FloatField()


class MemoryPart(serializers.Serializer[Session]):
    critical_facts = serializers.DictField()
    working_memory = serializers.DictField()
    long_term_refs = serializers.ListField(child=serializers.JSONField())


class FullContext(serializers.Serializer[Session]):
    session_id = serializers.CharField()
    tenant_id = serializers.CharField()
    user_id = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(choices=Session.Status.choices)
    version = serializers.IntegerField()
    start_time = serializers.DateTimeField()
    last_activity = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    end_reason = serializers.CharField()
    duration_seconds = serializers.IntegerField()
    initial_context = serializers.DictField()
    metadata = serializers.DictField()
    conversation = ConversationPart()
    agents = AgentsPart()
    tasks = TasksPart()
    memory = MemoryPart()


class ContextOutput(Output):
    context = FullContext()  # type: ignore[assignment]


class TaskOutput(Output):
    session_id = serializers.CharField()
    created = serializers.BooleanField(help_text="False where a task of that task_id was updated.")
    task = TaskFields()


class FactsOutput(Output):
    session_id = serializers.CharField()
    critical_facts = serializers.DictField()


class WorkingMemoryOutput(Output):
    session_id = serializers.CharField()
    working_memory = serializers.DictField()


class PendingTask(serializers.Serializer[Task]):
    id = serializers.CharField()
    description = serializers.CharField()


class HandoffSnapshot(serializers.Serializer[Handoff]):
    conversation_summary = serializers.CharField()
    critical_facts = serializers.DictField()
    pending_tasks = PendingTask(many=True)


class HandoffFields(serializers.Serializer[Handoff]):
    handoff_id = serializers.UUIDField()
    session_id = serializers.CharField()
    from_agent = serializers.CharField(allow_null=True)
    to_agent = serializers.CharField()
    status = serializers.ChoiceField(choices=Handoff.Status.choices)
    handoff_reason = serializers.CharField()
    timestamp = serializers.DateTimeField()
    times_out_at = serializers.DateTimeField()
    answered_at = serializers.DateTimeField(allow_null=True)
    answer_reason = serializers.CharField()
    checksum = serializers.CharField(help_text="SHA-256 of the package's canonical JSON.")


class HandoffOutput(HandoffFields):
    success = serializers.BooleanField(default=True)
    context_snapshot = HandoffSnapshot()


class HandoffContextOutput(HandoffFields):
    """What the receiver needs: the package as it was given, and how to check it."""

    success = serializers.BooleanField(default=True)
    critical_info = serializers.DictField()
    continuation_instructions = serializers.CharField()
    package = serializers.DictField()


class EndedOutput(SessionOutput):
    ended_at = serializers.DateTimeField()
    end_reason = serializers.CharField()
    duration_seconds = serializers.IntegerField()
    message_count = serializers.IntegerField()
    summary = serializers.CharField()


class SnapshotFieldsOutput(serializers.Serializer[ContextSnapshot]):
    id = serializers.UUIDField()
    session_id = serializers.CharField()
    user_id = serializers.CharField(allow_null=True)
    timestamp = serializers.DateTimeField()
    context_type = serializers.ChoiceField(choices=ContextSnapshot.ContextType.choices)
    context_data = serializers.JSONField()
    tags = serializers.ListField(child=serializers.CharField())
    importance = serializers.IntegerField()
    expires_at = serializers.DateTimeField(allow_null=True)
    author = serializers.CharField()


class SnapshotOutput(Output):
    snapshot = SnapshotFieldsOutput()


class DecisionFieldsOutput(serializers.Serializer[Decision]):
    id = serializers.UUIDField()
    session_id = serializers.CharField(allow_null=True)
    user_id = serializers.CharField(allow_null=True)
    title = serializers.CharField()
    decision = serializers.CharField()
    rationale = serializers.CharField()
    alternatives = serializers.ListField(child=serializers.JSONField())
    metadata = serializers.DictField()
    author = serializers.CharField()
    created_at = serializers.DateTimeField()


class DecisionOutput(Output):
    decision = DecisionFieldsOutput()


class KeptMemoryOutput(serializers.Serializer[Stored]):
    id = serializers.UUIDField()
    key = serializers.CharField()
    sync_version = serializers.IntegerField()


class SavedOutput(Output):
    session_id = serializers.CharField()
    snapshot = SnapshotFieldsOutput()
    decisions = DecisionFieldsOutput(many=True)
    tasks_updated = serializers.IntegerField()
    tasks_archived = serializers.IntegerField()
    memories = KeptMemoryOutput(many=True)
    errors_captured = serializers.IntegerField()
    status_snapshot = serializers.UUIDField(allow_null=True, help_text="The snapshot of the status, if one was sent.")


class SessionRow(serializers.Serializer[Session]):
    session_id = serializers.CharField()
    status = serializers.ChoiceField(choices=Session.Status.choices)
    start_time = serializers.DateTimeField()
    last_activity = serializers.DateTimeField()
    tenant_id = serializers.CharField()
    user_id = serializers.CharField(allow_null=True)
    version = serializers.IntegerField()
    message_count = serializers.IntegerField()
    current_agent = serializers.CharField(allow_null=True)
    summary = serializers.CharField(help_text="Written when the session ends.")


class BriefingOutput(Output):
    """Where was I: what an agent reads before it goes on."""

    session_id = serializers.CharField(allow_null=True)
    context = serializers.DictField(allow_null=True)  # type: ignore[assignment]
    todos = serializers.ListField(child=serializers.DictField())
    status = serializers.DictField()
    errors = serializers.ListField(child=serializers.DictField())  # type: ignore[assignment]
    decisions = DecisionFieldsOutput(many=True)
    pending_handoffs = HandoffFields(many=True)
    recent_memory = serializers.ListField(child=serializers.DictField())
    active_procedures = serializers.ListField(child=serializers.DictField())
