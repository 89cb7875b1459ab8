"""``GET /memory/health``: whether the hub works. Public; the parts are told to keys that may read."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from memoryhub import __version__
from memoryhub.access.api.serializers import Output
from memoryhub.access.api.views import HubView
from memoryhub.access.principals import Principal
from memoryhub.sync import health


class PartOutput(serializers.Serializer[Any]):
    """One part of the hub; further fields depend on the part."""

    ok = serializers.BooleanField()
    problem = serializers.CharField(allow_blank=True, help_text="What is wrong and what to do; empty when all is well.")


class HealthOutput(Output):
    status = serializers.ChoiceField(["ok", "degraded"], help_text="degraded: it serves, but a part needs attention.")
    version = serializers.CharField()
    parts = serializers.DictField(child=PartOutput(), required=False, help_text="With a key that may read.")


class HealthView(HubView):
    permission_classes = []

    @extend_schema(
        operation_id="health",
        tags=["hub"],
        summary="Whether the hub works",
        description="Public. With a key that may read, each part is told too. A wrong key is 401 all the same.",
        responses={200: HealthOutput},
        auth=[{}, {"ApiKey": []}],  # type: ignore[list-item]
        examples=[
            OpenApiExample("Without a key", {"success": True, "status": "ok", "version": "0.1.0"}, response_only=True)
        ],
    )
    def get(self, request: Request) -> Response:
        parts = health.report()
        status = "ok" if all(part.ok for part in parts.values()) else "degraded"
        answer: dict[str, Any] = {"success": True, "status": status, "version": __version__}
        if isinstance(request.user, Principal) and "read" in request.user.permissions:
            answer["parts"] = {name: part.document() for name, part in parts.items()}
        return Response(answer)
