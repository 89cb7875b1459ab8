"""What the context doors take and answer."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from memoryhub.access.api.fields import Choice
from memoryhub.access.api.pagination import PageQuery
from memoryhub.access.api.serializers import Input, Output
from memoryhub.registry.api.fields import AnyValue, Flag, Fraction, JSONObject, Name, Number, Tags, Text
from memoryhub.registry.models import Layer, MemoryType, Priority, Scope
from memoryhub.registry.models.entries import LAYER_ALIASES
from memoryhub.registry.services.drafts import ON_CONFLICT, ON_STALE, STRATEGIES

#: What becomes of a change that is decided; conflict: by a person.
OUTCOMES = ("applied", "merged", "kept", "conflict")
LAYERS = [*Layer.values, *LAYER_ALIASES]


class AddressInput(Input):
    """About whom a request speaks."""

    tenant_id = Name(required=False, help_text="Platform keys choose the tenant; other keys may repeat their own.")
    user_id = Name(required=False, help_text="The user that the request speaks about.")
    session_id = Name(required=False, help_text="The session that the request speaks about.")
    agent_id = Name(required=False, help_text="Whose agent-scoped entry is meant; the calling agent's when left out.")


class AttributesInput(Input):
    """What can be said about an entry beside its key and value."""

    layer = Choice(LAYERS, required=False, help_text="How long it lives; a new entry is long_term.")
    priority = Choice(Priority.choices, required=False, help_text="A new entry has medium.")
    category = Name(required=False, help_text="A new entry has general.")
    source = Name(  # type: ignore[assignment]
        required=False, help_text="Where it comes from; a new entry has api."
    )
    memory_type = Choice(MemoryType.choices, required=False, help_text="A new entry is general.")
    importance = Fraction(required=False, help_text="0 to 1; a new entry has 0.5.")
    tags = Tags(required=False)
    metadata = JSONObject(required=False, help_text="Any JSON object. Sent again, it replaces the old one.")
    parent_id = serializers.UUIDField(required=False, allow_null=True, help_text="An entry that this one belongs to.")
    expires_at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="Its end; null for none. Left out, the layer decides."
    )
    encrypted = Flag(required=False, help_text="The value is your own ciphertext: it is stored, and not indexed.")
    reason = Text(required=False, allow_blank=True, help_text="Why; kept with the version.")


class StoreInput(AddressInput, AttributesInput):
    """An entry to store. What is left out stays as it is in an existing entry."""

    key = Name()
    value = AnyValue(help_text="Any JSON up to limits.value_kb.")
    scope = Choice(
        Scope.choices, required=False, help_text="Who may see it. Left out: user when user_id is named, else tenant."
    )
    on_conflict = Choice(
        ON_CONFLICT,
        required=False,
        help_text="What an existing entry does to this store. resolve: what If-Match or If-None-Match would refuse is "
        "decided instead.",
    )
    strategy = Choice(STRATEGIES, required=False, help_text="With resolve: how; left out, the owner's or the hub's.")


class SharedStoreInput(StoreInput):
    share_with_agents = serializers.ListField(
        child=Name(),
        required=False,
        max_length=100,
        help_text="Agents of the same tenant that may read it. Only with the scope agent.",
    )


class ChangeInput(AttributesInput):
    """What to change. Everything left out stays."""

    value = AnyValue(required=False)
    on_conflict = Choice(ON_STALE, required=False, help_text="resolve: a stale change is decided instead of refused.")
    strategy = Choice(STRATEGIES, required=False, help_text="With resolve: how; left out, the owner's or the hub's.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not set(attrs) - {"reason", "on_conflict", "strategy"}:
            raise serializers.ValidationError("Name at least one field to change.")
        return attrs


class RetrieveInput(AddressInput):
    key = Name()
    scope = Choice(
        Scope.choices,
        required=False,
        help_text="Left out, the first hit of agent, session, user, tenant and global is answered.",
    )
    include_archived = Flag(required=False, help_text="Also find archived entries.")


@extend_schema_field(StoreInput(many=True))
class Entries(serializers.ListField):
    """Each is checked on its own, so that one wrong entry does not refuse the others."""


class BatchInput(Input):
    entries = Entries(child=AnyValue(), min_length=1, max_length=settings.CONFIG.limits.batch)


class BatchGetInput(AddressInput):
    """Either ids, or keys that are looked for as by retrieve."""

    ids = serializers.ListField(
        child=serializers.UUIDField(), required=False, min_length=1, max_length=settings.CONFIG.limits.batch
    )
    keys = serializers.ListField(child=Name(), required=False, min_length=1, max_length=settings.CONFIG.limits.batch)
    scope = Choice(Scope.choices, required=False)
    include_archived = Flag(required=False, help_text="Also find archived entries.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("ids" in attrs) == ("keys" in attrs):
            raise serializers.ValidationError("Name either ids or keys.")
        return attrs


class ReasonInput(Input):
    reason = Text(required=False, allow_blank=True, default="", help_text="Why; kept with the version.")


class NeededReasonInput(Input):
    reason = Text(help_text="Why; kept in the audit trail.")


class HoldInput(NeededReasonInput):
    on = Flag(required=False, default=True, help_text="false lifts the hold.")


class RestoreInput(ReasonInput):
    version = serializers.IntegerField(
        required=False, min_value=1, help_text="Left out, a deleted entry comes back as it was."
    )


class ReinforceInput(ReasonInput):
    reinforcement_factor = Number(
        required=False, default=1.2, min_value=1, max_value=10, help_text="By how much its half-life grows."
    )


class GrantInput(Input):
    agents = serializers.ListField(child=Name(), min_length=1, max_length=100, help_text="Agents of the same tenant.")
    can_write = Flag(required=False, default=False)
    note = Text(required=False, allow_blank=True, default="")


class NamingQuery(Input):
    """In the query string of doors that know an entry by its id: about whom the request speaks."""

    tenant_id = Name(required=False)
    user_id = Name(required=False, help_text="Needed to reach user-scoped entries.")
    session_id = Name(required=False, help_text="Needed to reach session-scoped entries.")


class StatsQuery(Input):
    tenant_id = Name(required=False, help_text="Platform keys choose the tenant.")


class GetQuery(NamingQuery):
    include_archived = serializers.BooleanField(required=False, help_text="Also show an archived entry.")


class DeleteQuery(NamingQuery):
    reason = Text(required=False, help_text="Why. Needed, with the permission admin, for a permanent entry.")


class NamingPageQuery(NamingQuery, PageQuery):
    """A page of what belongs to an entry."""


class ChildrenQuery(NamingPageQuery):
    sort_field = Choice(("created_at", "updated_at", "importance"), required=False, default="created_at")
    sort_order = Choice(("asc", "desc"), required=False, default="desc")
    include_archived = serializers.BooleanField(required=False, help_text="Also list archived ones.")


class StoredOutput(Output):
    entry_id = serializers.UUIDField()
    key = serializers.CharField()
    layer = Choice(Layer.choices)
    scope = Choice(Scope.choices)
    sync_version = serializers.IntegerField()
    created = serializers.BooleanField(help_text="There was no such entry before.")
    kept = serializers.BooleanField(help_text="on_conflict=keep found an entry and left it as it was.")
    expires_at = serializers.DateTimeField(allow_null=True)
    updated_at = serializers.DateTimeField()
    proposed = serializers.BooleanField(
        required=False, help_text="True: the memory is a higher-priority agent's, and this became a proposal."
    )
    outcome = Choice(OUTCOMES, required=False, help_text="Of what was proposed or resolved.")
    conflict_id = serializers.UUIDField(required=False, allow_null=True, help_text="The record of the decision.")
    strategy = serializers.CharField(required=False)
    why = serializers.CharField(required=False)


class AlternativeOutput(serializers.Serializer[Any]):
    """A value that is offered instead of the committed one."""

    conflict_id = serializers.UUIDField()
    agent_id = serializers.CharField()
    value = serializers.JSONField(allow_null=True, help_text="null where too_large.")
    too_large = serializers.BooleanField(help_text="The value is over 32 KiB: read the conflict for it.")
    deletes = serializers.BooleanField(help_text="The agent wants the entry deleted.")
    base_version = serializers.IntegerField(allow_null=True)
    written_at = serializers.DateTimeField()


class EntryOutput(Output):
    entry_id = serializers.UUIDField()
    key = serializers.CharField()
    value = AnyValue()
    layer = Choice(Layer.choices)
    scope = Choice(Scope.choices)
    priority = Choice(Priority.choices)
    category = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]
    tenant_id = serializers.CharField(allow_null=True)
    user_id = serializers.CharField(allow_null=True)
    session_id = serializers.CharField(allow_null=True)
    agent_id = serializers.CharField(allow_null=True)
    metadata = JSONObject()
    memory_type = Choice(MemoryType.choices)
    importance = serializers.FloatField()
    tags = serializers.ListField(child=serializers.CharField())
    origin_session = serializers.CharField(allow_null=True)
    encrypted = serializers.BooleanField()
    author = serializers.CharField(help_text="Who wrote this version.")
    owner = serializers.CharField(help_text="Who stored it first.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    access_count = serializers.IntegerField(help_text="May lag behind by a few seconds.")
    sync_version = serializers.IntegerField()
    parent_id = serializers.UUIDField(allow_null=True)
    archived_at = serializers.DateTimeField(allow_null=True)
    legal_hold = serializers.BooleanField()
    disputed = serializers.BooleanField(help_text="Others offered another value, and nobody has decided yet.")
    alternatives = AlternativeOutput(
        many=True, help_text="The newest 10 of what was offered instead, while it is disputed."
    )


class AmendedOutput(Output):
    entry_id = serializers.UUIDField()
    key = serializers.CharField()
    layer = Choice(Layer.choices)
    scope = Choice(Scope.choices)
    sync_version = serializers.IntegerField()
    updated_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    archived_at = serializers.DateTimeField(allow_null=True)
    legal_hold = serializers.BooleanField()


class DeletedOutput(Output):
    entry_id = serializers.UUIDField()
    sync_version = serializers.IntegerField()
    restorable_until = serializers.DateTimeField(allow_null=True, help_text="null: nothing is left to restore.")


class ErasedOutput(Output):
    entry_id = serializers.UUIDField()


class VersionOutput(serializers.Serializer[Any]):
    entry_id = serializers.UUIDField()
    version = serializers.IntegerField()
    action = serializers.CharField(help_text="stored, changed, restored, deleted, archived, …")
    value = AnyValue()
    metadata = JSONObject()
    attributes = JSONObject(help_text="layer, priority, category, tags, … as of then.")
    author = serializers.CharField()
    reason = serializers.CharField()
    created_at = serializers.DateTimeField()


class GrantOutput(serializers.Serializer[Any]):
    agent_id = serializers.CharField()
    can_write = serializers.BooleanField()
    reason = serializers.CharField(help_text="rule, explicit or propagation.")
    note = serializers.CharField()
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField()


class GrantsOutput(Output):
    entry_id = serializers.UUIDField()
    grants = GrantOutput(many=True)


class RevokedOutput(Output):
    entry_id = serializers.UUIDField()
    revoked = serializers.ListField(child=serializers.CharField())


class BatchResultOutput(serializers.Serializer[Any]):
    """What storing answers, or the problem of this one entry."""

    index = serializers.IntegerField(help_text="Position in the request, from 0.")
    success = serializers.BooleanField()
    entry_id = serializers.UUIDField(required=False)
    key = serializers.CharField(required=False)
    layer = serializers.CharField(required=False)
    scope = serializers.CharField(required=False)
    sync_version = serializers.IntegerField(required=False)
    created = serializers.BooleanField(required=False)
    kept = serializers.BooleanField(required=False)
    proposed = serializers.BooleanField(required=False)
    outcome = serializers.CharField(required=False)
    conflict_id = serializers.UUIDField(required=False, allow_null=True)
    strategy = serializers.CharField(required=False)
    why = serializers.CharField(required=False)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)
    updated_at = serializers.DateTimeField(required=False)
    status = serializers.IntegerField(required=False)
    code = serializers.CharField(required=False)
    detail = serializers.CharField(required=False)
    errors = serializers.ListField(  # type: ignore[assignment]
        child=serializers.DictField(child=serializers.CharField()), required=False
    )


class BatchOutput(Output):
    """``success`` is false when any entry failed; the others are stored all the same."""

    stored = serializers.IntegerField()
    failed = serializers.IntegerField()
    results = BatchResultOutput(many=True)


class BatchGetOutput(Output):
    found = serializers.IntegerField()
    missing = serializers.IntegerField()
    results = serializers.ListField(child=JSONObject(help_text="An entry, or success: false with its id or key."))


class StatsOutput(Output):
    total_entries = serializers.IntegerField()
    ephemeral_count = serializers.IntegerField()
    session_count = serializers.IntegerField()
    short_term_count = serializers.IntegerField()
    long_term_count = serializers.IntegerField()
    permanent_count = serializers.IntegerField()
    critical_count = serializers.IntegerField()
    archived_count = serializers.IntegerField()
    deleted_count = serializers.IntegerField(help_text="Tombstones that can still be restored.")
    active_sessions = serializers.IntegerField()
    active_locks = serializers.IntegerField()
    active_tenants = serializers.IntegerField()
    total_accesses = serializers.IntegerField()
    cache_size = serializers.DictField(child=serializers.IntegerField())
    pending_syncs = serializers.IntegerField()
