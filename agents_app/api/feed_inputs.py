"""What the doors of replicas and the change feed take and answer."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from agents_app.api.conflict_inputs import ConflictAttributesInput
from agents_app.models import Conflict, FeedItem, Replica, Strategy
from agents_app.selectors_feed import MOST_ITEMS
from agents_app.services.pushing import DELETE, PUT
from memoryhub.access.api.fields import Choice
from memoryhub.access.api.pagination import PageQuery
from memoryhub.access.api.serializers import Input, Output
from memoryhub.registry.api.fields import AnyValue, Name, Text
from memoryhub.registry.api.serializers import EntryOutput

LARGEST_SEQ = 2**53 - 1
MOST_CHANGES = 200
OUTCOMES = ("applied", "merged", "kept", "conflict", "rejected")


class NamingInput(Input):
    tenant_id = Name(required=False, help_text="Your key's tenant; a platform key names one.")
    user_id = Name(required=False, help_text="Only what is about this user, or about nobody.")


class ReplicaInput(NamingInput):
    agent_id = Name(help_text="The agent whose slice it is to hold.")
    name = Text(required=False, max_length=200, allow_blank=True, help_text="For people, for example a host name.")


class ReplicasQuery(PageQuery):
    tenant_id = Name(required=False, help_text="Your key's tenant; a platform key names one.")
    agent_id = Name(required=False, help_text="Only replicas of this agent.")


class ChangesQuery(NamingInput):
    after = serializers.IntegerField(
        min_value=0, max_value=LARGEST_SEQ, default=0, help_text="The number up to which you have all; 0 at first."
    )
    epoch = serializers.IntegerField(
        min_value=0, max_value=2**31 - 1, required=False, help_text="The epoch that `after` belongs to."
    )
    limit = serializers.IntegerField(
        min_value=1, max_value=MOST_ITEMS, default=MOST_ITEMS, help_text="Most items of a page."
    )
    replica_id = serializers.UUIDField(required=False, help_text="Your replica: what it has applied is noted.")


class PushedChangeInput(Input):
    """One change that was made on a replica."""

    read_only_names = Input.read_only_names - {"entry_id"}

    change_id = serializers.UUIDField(help_text="Made by the replica; the same change is carried out once.")
    op = Choice((PUT, DELETE))
    key = Name()
    entry_id = serializers.UUIDField(required=False, allow_null=True, help_text="As the replica knows it.")
    user_id = Name(required=False, allow_null=True)
    value = AnyValue(required=False, help_text="Of a put: any JSON up to limits.value_kb.")
    base_version = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=0,
        max_value=2**31 - 1,
        help_text="The version that it was made from; null: created on the replica.",
    )
    attributes = ConflictAttributesInput(required=False)
    written_at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="By the replica's clock; with a time zone."
    )
    strategy = Choice(Strategy.choices, required=False, help_text="How to decide if others have changed it meanwhile.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["op"] == PUT and "value" not in attrs:
            raise serializers.ValidationError({"value": ["A put needs a value."]})
        return {name: found for name, found in attrs.items() if found is not None or name == "value"}


@extend_schema_field(PushedChangeInput(many=True))
class PushedChanges(serializers.ListField):
    """Each is checked on its own, so that one wrong change does not refuse the others."""


class PushInput(Input):
    tenant_id = Name(required=False, help_text="Your key's tenant; a platform key names one.")
    replica_id = serializers.UUIDField()
    changes = PushedChanges(child=AnyValue(), min_length=1, max_length=MOST_CHANGES)


class PushedOutput(serializers.Serializer[Any]):
    change_id = serializers.UUIDField()
    outcome = Choice(OUTCOMES, help_text="`kept`: a strategy kept what was committed. `conflict`: a person decides.")
    entry_id = serializers.UUIDField(allow_null=True)
    given_id = serializers.UUIDField(allow_null=True, help_text="The replica's id, where the hub's is another.")
    version = serializers.IntegerField(allow_null=True, help_text="The entry's newest version.")
    conflict_id = serializers.UUIDField(allow_null=True)
    strategy = serializers.CharField(allow_blank=True, help_text="What decided.")
    code = serializers.CharField(allow_blank=True, help_text="Why it was rejected.")
    detail = serializers.CharField(allow_blank=True)


class PushOutput(Output):
    results = PushedOutput(many=True)


class ReplicaOutput(serializers.Serializer[Any]):
    replica_id = serializers.UUIDField()
    agent_id = serializers.CharField()
    user_id = serializers.CharField(allow_null=True)
    name = serializers.CharField()
    epoch = serializers.IntegerField()
    acked_seq = serializers.IntegerField(help_text="What it said to have applied of the feed.")
    applied = serializers.IntegerField()
    merged = serializers.IntegerField()
    conflicts = serializers.IntegerField()
    rejected = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField()
    last_pull_at = serializers.DateTimeField(allow_null=True)
    last_push_at = serializers.DateTimeField(allow_null=True)


class RegisteredOutput(Output):
    replica_id = serializers.UUIDField()
    agent_id = serializers.CharField()
    epoch = serializers.IntegerField(help_text="A restore from backup raises it.")
    stream_url = serializers.CharField(allow_null=True, help_text="Where live changes come from; null: nowhere.")


class ConflictItemOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    status = Choice(Conflict.Status.choices)
    kind = Choice(Conflict.Kind.choices)
    entry_id = serializers.UUIDField()
    version = serializers.IntegerField()
    resolution = serializers.CharField(allow_blank=True)


class FeedEntryOutput(EntryOutput):
    """An entry as GET context/{id} answers it."""

    success = None  # type: ignore[assignment]
    metadata_only = serializers.BooleanField(required=False, help_text="true: the value is encrypted and left out.")


class ItemOutput(serializers.Serializer[Any]):
    """``entry`` stands in a ``put``, ``conflict`` in a ``conflict``."""

    seq = serializers.IntegerField()
    kind = Choice(FeedItem.Kind.choices)
    entry_id = serializers.UUIDField(required=False)
    conflict_id = serializers.UUIDField(required=False)
    version = serializers.IntegerField()
    can_write = serializers.BooleanField()
    reason = serializers.CharField(
        allow_blank=True, help_text="Of a `gone`: deleted, erased, archived, revoked or moved."
    )
    at = serializers.DateTimeField()
    entry = FeedEntryOutput(required=False)
    conflict = ConflictItemOutput(required=False)


class ChangesOutput(Output):
    epoch = serializers.IntegerField(help_text="A restore from backup raises it.")
    reset = serializers.BooleanField(help_text="true: drop the synced copy and begin at 0 with this epoch.")
    items = ItemOutput(many=True)
    next = serializers.IntegerField(help_text="`after` of the next page.")
    more = serializers.BooleanField(help_text="There is a next page already.")
    last_seq = serializers.IntegerField(help_text="The newest number of the feed.")
    stream_url = serializers.CharField(allow_null=True, help_text="Where live changes come from; null: nowhere.")


def replica_document(replica: Replica) -> dict[str, Any]:
    return {"replica_id": str(replica.pk), **{name: getattr(replica, name) for name in SHOWN}}


SHOWN = (
    "agent_id", "user_id", "name", "epoch", "acked_seq", "applied", "merged", "conflicts", "rejected", "created_at",
    "created_by", "last_pull_at", "last_push_at",
)  # fmt: skip
