"""What the doors to an agent's memories take and answer."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from memoryhub.access.api.fields import Choice
from memoryhub.access.api.pagination import PageQuery
from memoryhub.access.api.serializers import Input, Output
from memoryhub.registry.api.fields import AnyValue, Flag, Fraction, JSONObject, Name, Tags, Text
from memoryhub.registry.api.serializers import LAYERS, EntryOutput, GrantOutput
from memoryhub.registry.models import Layer, MemoryType, Priority
from memoryhub.search.requests import LONGEST_QUERY, MODES, MOST_RESULTS


class SliceQuery(PageQuery):
    tenant_id = Name(required=False, help_text="Platform keys choose the tenant.")
    user_id = Name(required=False, help_text="Only what is about this user or about nobody.")
    session_id = Name(required=False, help_text="Only what was stored in this session.")
    include_sync_metadata = serializers.BooleanField(
        required=False, default=True, help_text="Say of each memory its version, dispute and lock."
    )


class AgentMemoryInput(Input):
    """A memory of the agent. What is left out stays as it is in an existing one."""

    content = AnyValue(allow_null=False, help_text="A text, or any JSON up to limits.value_kb.")
    tenant_id = Name(required=False, help_text="Platform keys choose the tenant; other keys may repeat their own.")
    user_id = Name(required=False, help_text="The user that it is about.")
    session_id = Name(required=False, help_text="The session that it comes from.")
    key = Name(required=False, help_text="Storing again under the same key makes a new version; left out, it gets one.")
    memory_type = Choice(MemoryType.choices, required=False, help_text="Left out, the first that the profile allows.")
    memory_category = Name(required=False, help_text="By its name or an alias; a new memory has general.")
    importance_score = Fraction(required=False, help_text="0 to 1; a new memory has 0.5.")
    share_with_agents = serializers.ListField(
        child=Name(), required=False, max_length=100, help_text="Agents of the same tenant that may read it."
    )
    layer = Choice(LAYERS, required=False, help_text="How long it lives; a new memory is long_term.")
    priority = Choice(Priority.choices, required=False)
    tags = Tags(required=False)
    metadata = JSONObject(required=False)


class AgentSearchInput(Input):
    query = Text(max_length=LONGEST_QUERY)
    tenant_id = Name(required=False, help_text="Platform keys choose the tenant; other keys may repeat their own.")
    user_id = Name(required=False, help_text="Only what is about this user or about nobody.")
    session_id = Name(required=False, help_text="The session that the search is made in.")
    include_shared_memories = Flag(required=False, default=True, help_text="false: only the agent's own.")
    search_type = Choice(MODES, required=False, default="hybrid")
    memory_type = Choice(MemoryType.choices, required=False)
    memory_category = Name(required=False, help_text="By its name or an alias.")
    importance_min = Fraction(required=False)
    limit = serializers.IntegerField(required=False, default=10, min_value=1, max_value=MOST_RESULTS)


class SliceGrantOutput(serializers.Serializer[Any]):
    reason = serializers.CharField(help_text="rule, explicit or propagation.")
    can_write = serializers.BooleanField()
    granted_at = serializers.DateTimeField()


class SyncOutput(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    updated_at = serializers.DateTimeField()
    disputed = serializers.BooleanField()
    locked = serializers.BooleanField()
    lock_holder = serializers.CharField(allow_null=True)


class FromOutput(serializers.Serializer[Any]):
    """Where a memory of a slice comes from."""

    is_shared = serializers.BooleanField(help_text="It belongs to another agent.")
    source_agent = serializers.CharField(help_text="Whose it is.")
    grant = SliceGrantOutput(allow_null=True, help_text="Why this agent sees it; null for its own.")


class SliceMemoryOutput(EntryOutput, FromOutput):
    """An entry of the slice."""

    success = None  # type: ignore[assignment]
    memory_id = serializers.UUIDField()
    content = serializers.CharField(help_text="The text of the value; empty where that is encrypted.")
    sync = SyncOutput(required=False)


class StatisticsOutput(serializers.Serializer[Any]):
    """Figures about the whole slice, not the page."""

    total_memories = serializers.IntegerField()
    own_memories = serializers.IntegerField()
    shared_memories = serializers.IntegerField()
    disputed_memories = serializers.IntegerField()
    locked_memories = serializers.IntegerField()
    by_type = serializers.DictField(child=serializers.IntegerField())
    by_layer = serializers.DictField(child=serializers.IntegerField())
    by_category = serializers.DictField(child=serializers.IntegerField())
    by_source_agent = serializers.DictField(child=serializers.IntegerField())


class SliceOutput(Output):
    agent_id = serializers.CharField()
    user_id = serializers.CharField(allow_null=True)
    session_id = serializers.CharField(allow_null=True)
    memories = SliceMemoryOutput(many=True, help_text="Newest first.")
    statistics = StatisticsOutput()
    next = serializers.URLField(allow_null=True, help_text="Address of the next page; null on the last.")


class AgentStoredOutput(Output):
    memory_id = serializers.UUIDField()
    entry_id = serializers.UUIDField(help_text="The same as memory_id.")
    agent_id = serializers.CharField()
    key = serializers.CharField()
    layer = Choice(Layer.choices)
    scope = serializers.CharField()
    sync_version = serializers.IntegerField()
    created = serializers.BooleanField()
    expires_at = serializers.DateTimeField(allow_null=True)
    updated_at = serializers.DateTimeField()
    grants = GrantOutput(many=True, help_text="Who else may see it now, by hand or by rule.")


class AgentResultOutput(FromOutput):
    memory = JSONObject(help_text="What a search shows of an entry, with memory_id and content.")
    score = serializers.FloatField()


class AgentSearchOutput(Output):
    agent_id = serializers.CharField()
    query = serializers.CharField()
    search_type = serializers.CharField()
    results = AgentResultOutput(many=True, help_text="Best first.")
    candidates = serializers.IntegerField()
    degraded = serializers.BooleanField()
    truncated = serializers.BooleanField()
    notice = serializers.CharField(allow_null=True)
