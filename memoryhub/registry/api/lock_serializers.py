"""What the lock doors take and answer."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from rest_framework import serializers

from memoryhub.access.api.serializers import Input, Output
from memoryhub.registry.api.fields import Flag, Number, Text

LONGEST = settings.CONFIG.agents.lock_max_seconds


class DurationInput(Input):
    """How long a lock lasts, in seconds or in minutes."""

    seconds = serializers.IntegerField(
        required=False, min_value=1, max_value=LONGEST, help_text="agents.lock_seconds when left out."
    )
    lock_duration_minutes = Number(required=False, help_text="The same in minutes.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        minutes = attrs.pop("lock_duration_minutes", None)
        if minutes is None:
            return attrs
        if "seconds" in attrs:
            raise serializers.ValidationError("Name either seconds or lock_duration_minutes.")
        if not 1 <= minutes * 60 <= LONGEST:
            raise serializers.ValidationError(
                {"lock_duration_minutes": [f"A lock lasts from 1 to {LONGEST} seconds; this is {minutes * 60:g}."]}
            )
        return {**attrs, "seconds": round(minutes * 60)}


class AcquireInput(DurationInput):
    wait = Flag(required=False, default=False, help_text="Queue for it while another holds it; then ask again.")
    reason = Text(required=False, allow_blank=True, default="", max_length=500, help_text="Shown to others.")


class AcquiredOutput(Output):
    entry_id = serializers.UUIDField()
    granted = serializers.BooleanField(help_text="false: queued; ask again after retry_after.")
    fence = serializers.IntegerField(
        allow_null=True, help_text="Send it as Lock-Fence with every change of the entry. It grows with every grant."
    )
    holder = serializers.CharField()
    expires_at = serializers.DateTimeField(help_text="When the lock of the holder ends.")
    position = serializers.IntegerField(allow_null=True, help_text="Place in the queue, from 1.")
    waiters = serializers.IntegerField()
    retry_after = serializers.FloatField(allow_null=True, help_text="Seconds after which to ask again.")


class LockOutput(serializers.Serializer[Any]):
    entry_id = serializers.UUIDField()
    key = serializers.CharField()
    holder = serializers.CharField()
    acquired_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    reason = serializers.CharField()


class LockStateOutput(Output):
    entry_id = serializers.UUIDField()
    locked = serializers.BooleanField()
    holder = serializers.CharField(allow_null=True)
    fence = serializers.IntegerField(allow_null=True, help_text="Told to the holder alone.")
    acquired_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField()
    waiters = serializers.IntegerField()
    queue = serializers.ListField(child=serializers.CharField(), help_text="Who waits, in their order.")
    position = serializers.IntegerField(allow_null=True, help_text="Your own place in the queue, from 1.")


class ReleasedOutput(Output):
    entry_id = serializers.UUIDField()
    released = serializers.BooleanField(help_text="false: that lock was over already, or you only waited for it.")
