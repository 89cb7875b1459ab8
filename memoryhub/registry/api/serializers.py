"""What the context doors take and answer."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from memoryhub.access.api.fields import Choice
from memoryhub.access.api.serializers import Input, Output
from memoryhub.registry.api.fields import AnyValue, Flag, Fraction, JSONObject, Name, Tags, Text
from memoryhub.registry.models import Layer, MemoryType, Priority, Scope
from memoryhub.registry.models.entries import LAYER_ALIASES
from memoryhub.registry.services.drafts import ON_CONFLICT

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
    on_conflict = Choice(ON_CONFLICT, required=False, help_text="What an existing entry does to this store.")


class ChangeInput(AttributesInput):
    """What to change. Everything left out stays."""

    value = AnyValue(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not set(attrs) - {"reason"}:
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


class NamingQuery(Input):
    """In the query string of doors that know an entry by its id: about whom the request speaks."""

    tenant_id = Name(required=False)
    user_id = Name(required=False, help_text="Needed to reach user-scoped entries.")
    session_id = Name(required=False, help_text="Needed to reach session-scoped entries.")


class GetQuery(NamingQuery):
    include_archived = serializers.BooleanField(required=False, help_text="Also show an archived entry.")


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
