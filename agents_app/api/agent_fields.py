"""What the doors to agents take and answer."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from agents_app.models import AgentProfile, Rank, Strategy, SyncRun
from agents_app.selectors import AgentStatus
from agents_app.services import profile_fields, sync_results
from agents_app.services.profile_fields import (
    LONGEST_RETENTION_DAYS,
    LONGEST_TEXT,
    LONGEST_WORD,
    MOST_WORDS,
)
from memoryhub.access.api.fields import Choice
from memoryhub.access.api.pagination import PageQuery
from memoryhub.access.api.serializers import Input, Output
from memoryhub.access.models import Agent
from memoryhub.registry.api.fields import Flag, Name, Text
from memoryhub.registry.models.entries import MemoryType

LONGEST_REASON = 500
ANSWERS = {"conflict_strategy": [*Strategy.choices, ("", "The hub's setting")]}


class TenantInput(Input):
    tenant_id = Name(required=False, help_text="Your key's tenant; a platform key names one.")


class AboutUserInput(TenantInput):
    user_id = Name(required=False, help_text="Only what is about this user.")


class Words(serializers.ListField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(child=Text(max_length=LONGEST_WORD), max_length=MOST_WORDS, required=False, **kwargs)


class ProfileInput(TenantInput):
    """An agent may say its specialties, capabilities and description of itself; the rest needs ``admin``."""

    priority = Choice(Rank.choices, required=False)
    retention_days = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=LONGEST_RETENTION_DAYS,
        help_text="Days that its short_term memories live; null: the hub's setting.",
    )
    conflict_strategy = Choice(
        ANSWERS["conflict_strategy"], required=False, allow_blank=True, help_text="Empty: the hub's setting."
    )
    memory_types = serializers.ListField(
        child=Choice(MemoryType.choices),
        required=False,
        max_length=len(MemoryType.choices),
        help_text="Types that it may store, the first is its default; empty: all.",
    )
    specialties = Words(help_text="What it is good at.")
    capabilities = Words(help_text="What it can do.")
    description = Text(required=False, allow_blank=True, max_length=LONGEST_TEXT)


class RegisterInput(ProfileInput):
    agent_id = Name(max_length=200, help_text="1 to 200 characters without spaces.")
    name = Text(required=False, allow_blank=True, max_length=200, help_text="For people.")
    issue_key = Flag(required=False, default=False, help_text="Make an API key for the agent; it is shown once.")


class SwitchInput(TenantInput):
    reason = Text(required=False, allow_blank=True, max_length=LONGEST_REASON, help_text="Kept in the audit trail.")


class AgentsQuery(PageQuery):
    tenant_id = Name(required=False, help_text="Your key's tenant; a platform key names one.")
    active = serializers.BooleanField(required=False, help_text="Only those that are switched on, or off.")


class SyncInput(AboutUserInput):
    session_id = Name(required=False, help_text="The session that asks; a sync is not limited to it.")
    force_sync = Flag(required=False, default=False, help_text="Everything again, not only what changed.")


class RunsQuery(PageQuery):
    tenant_id = Name(required=False, help_text="Your key's tenant; a platform key names one.")
    agent_id = Name(required=False, help_text="Only runs of this agent.")
    status = Choice(SyncRun.Status.choices, required=False)


class ProfileOutput(serializers.Serializer[AgentProfile]):
    priority = serializers.ChoiceField(choices=Rank.choices)
    retention_days = serializers.IntegerField(allow_null=True)
    conflict_strategy = serializers.ChoiceField(choices=ANSWERS["conflict_strategy"])
    memory_types = serializers.ListField(child=serializers.ChoiceField(choices=MemoryType.choices))
    specialties = serializers.ListField(child=serializers.CharField())
    capabilities = serializers.ListField(child=serializers.CharField())
    description = serializers.CharField(allow_blank=True)
    version = serializers.IntegerField(help_text="0: nobody said anything of it yet. Sent in If-Match.")
    updated_at = serializers.DateTimeField(allow_null=True)


class AgentFieldsOutput(serializers.Serializer[Agent]):
    agent_id = serializers.CharField()
    tenant_id = serializers.CharField()
    name = serializers.CharField(allow_blank=True)
    active = serializers.BooleanField(help_text="False: it is switched off, and its keys answer 401.")
    created_at = serializers.DateTimeField()
    profile = ProfileOutput()


class AgentOutput(Output, AgentFieldsOutput):
    pass


class RegisteredAgentOutput(AgentOutput):
    created = serializers.BooleanField(help_text="False: it had a profile already, which stays as it is.")
    api_key = serializers.CharField(allow_null=True, help_text="Shown this once; null where none was asked for.")


class AllocationOutput(Output):
    user_id = serializers.CharField(allow_null=True)
    total_memories = serializers.IntegerField()
    storage_utilization_mb = serializers.FloatField(help_text="Values, searchable texts and metadata, as stored.")
    agent_breakdown = serializers.DictField(child=serializers.IntegerField(), help_text="Memories by agent.")
    memory_type_breakdown = serializers.DictField(child=serializers.IntegerField())
    layer_breakdown = serializers.DictField(child=serializers.IntegerField())
    shared_memories = serializers.IntegerField(help_text="Those that at least one other agent may read.")


class SyncErrorOutput(serializers.Serializer[Any]):
    step = serializers.CharField(allow_blank=True)
    error = serializers.CharField()


class RunFieldsOutput(serializers.Serializer[SyncRun]):
    run_id = serializers.UUIDField()
    agent_id = serializers.CharField()
    user_id = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(choices=SyncRun.Status.choices)
    trigger = serializers.ChoiceField(choices=SyncRun.Trigger.choices)
    forced = serializers.BooleanField()
    memories_synced = serializers.IntegerField(help_text="Memories of its slice that changed since the last good run.")
    memories_shared = serializers.IntegerField(help_text="Grants to others on those of them that are its own.")
    conflicts_detected = serializers.IntegerField()
    conflicts_resolved = serializers.IntegerField()
    counts = serializers.DictField(child=serializers.IntegerField(), help_text="All that its steps counted.")
    errors = SyncErrorOutput(many=True)  # type: ignore[assignment]
    duration_ms = serializers.IntegerField(allow_null=True, help_text="null while it is not over.")
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class RunOutput(Output, RunFieldsOutput):
    success = serializers.BooleanField(help_text="False for a run that failed; `errors` says in which steps.")


class SyncedAllOutput(Output):
    success = serializers.BooleanField(help_text="False where the run of one of the agents failed.")
    results = serializers.DictField(child=RunFieldsOutput(), help_text="By agent.")


class LocksOutput(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    by_agent = serializers.DictField(child=serializers.IntegerField())


class PendingConflictsOutput(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    by_severity = serializers.DictField(child=serializers.IntegerField())
    oldest = serializers.DateTimeField(allow_null=True)


class ServiceStatsOutput(serializers.Serializer[Any]):
    total_syncs = serializers.IntegerField()
    successful_syncs = serializers.IntegerField()
    failed_syncs = serializers.IntegerField()
    memories_synced = serializers.IntegerField()
    memories_shared = serializers.IntegerField()
    conflicts_detected = serializers.IntegerField()
    conflicts_resolved = serializers.IntegerField()
    average_duration_ms = serializers.IntegerField()
    failing_agents = serializers.ListField(child=serializers.CharField(), help_text="Whose last run failed.")
    last_sync = serializers.DateTimeField(allow_null=True)
    syncs_waiting = serializers.IntegerField(help_text="Runs that are not over.")


class SyncFiguresOutput(serializers.Serializer[Any]):
    service_stats = ServiceStatsOutput()
    active_locks = LocksOutput()
    pending_conflicts = PendingConflictsOutput()
    sync_interval_seconds = serializers.IntegerField()


class SyncStatisticsOutput(Output, SyncFiguresOutput):
    pass


class CoordinatorStatsOutput(serializers.Serializer[Any]):
    registered_agents = serializers.IntegerField()
    active_agents = serializers.IntegerField()
    cross_agent_shares = serializers.IntegerField(help_text="Grants that there are now.")
    total_coordinated_operations = serializers.IntegerField(
        help_text="Changes announced to agents, locks given, conflicts found, syncs."
    )
    total_syncs = serializers.IntegerField()
    conflicts_resolved = serializers.IntegerField()


class AgentLineOutput(serializers.Serializer[Any]):
    active = serializers.BooleanField()
    priority = serializers.ChoiceField(choices=Rank.choices)
    last_synced_at = serializers.DateTimeField(allow_null=True)
    sync_failures = serializers.IntegerField(help_text="Failed runs since the last good one.")


class CoordinatorOutput(Output):
    coordinator_stats = CoordinatorStatsOutput()
    agents = serializers.DictField(child=AgentLineOutput())
    sync_stats = SyncFiguresOutput()


class MemoriesOutput(serializers.Serializer[Any]):
    own = serializers.IntegerField()
    shared_by_it = serializers.IntegerField(help_text="Its own that at least one other agent may read.")
    shared_with_it = serializers.IntegerField(help_text="Memories of others that it may read.")
    storage_utilization_mb = serializers.FloatField()
    memory_type_breakdown = serializers.DictField(child=serializers.IntegerField())
    layer_breakdown = serializers.DictField(child=serializers.IntegerField())


class ReplicaLineOutput(serializers.Serializer[Any]):
    replica_id = serializers.UUIDField()
    name = serializers.CharField(allow_blank=True)
    user_id = serializers.CharField(allow_null=True)
    epoch = serializers.IntegerField()
    acked_seq = serializers.IntegerField()
    lag = serializers.IntegerField(help_text="Numbers of the feed that it has not taken yet.")
    last_pull_at = serializers.DateTimeField(allow_null=True)
    last_push_at = serializers.DateTimeField(allow_null=True)


class SyncStateOutput(serializers.Serializer[Any]):
    last_synced_at = serializers.DateTimeField(allow_null=True)
    next_sync_at = serializers.DateTimeField(allow_null=True)
    sync_failures = serializers.IntegerField()
    last_run = RunFieldsOutput(allow_null=True)


class FeedPositionOutput(serializers.Serializer[Any]):
    epoch = serializers.IntegerField()
    last_seq = serializers.IntegerField()


class AgentStatusOutput(AgentOutput):
    memories = MemoriesOutput()
    locks_held = serializers.IntegerField()
    open_conflicts = serializers.IntegerField()
    replicas = ReplicaLineOutput(many=True)
    sync = SyncStateOutput()
    feed = FeedPositionOutput()


def profile_document(profile: AgentProfile) -> dict[str, Any]:
    return profile_fields.shown(profile) | {"version": profile.version, "updated_at": profile.updated_at}


def agent_document(agent: Agent, profile: AgentProfile) -> dict[str, Any]:
    return {
        "agent_id": agent.agent_id,
        "tenant_id": agent.tenant_id,
        "name": agent.name,
        "active": agent.active,
        "created_at": agent.created_at,
        "profile": profile_document(profile),
    }


def status_document(status: AgentStatus) -> dict[str, Any]:
    profile = status.profile
    return agent_document(status.agent, profile) | {
        "memories": status.memories,
        "locks_held": status.locks_held,
        "open_conflicts": status.open_conflicts,
        "replicas": status.replicas,
        "sync": {
            "last_synced_at": profile.last_synced_at,
            "next_sync_at": profile.next_sync_at,
            "sync_failures": profile.sync_failures,
            "last_run": sync_results.document(status.last_run) if status.last_run else None,
        },
        "feed": {"epoch": status.epoch, "last_seq": status.last_seq},
    }
