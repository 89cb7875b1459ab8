"""The base of every API view: principal, permissions, parsed input."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from memoryhub.access.principals import Permission, Principal


class HubView(APIView):
    """``permissions`` maps a method to what it needs: ``{"POST": "write"}``; others need ``read``."""

    permissions: ClassVar[dict[str, Permission]] = {}

    def needed_permission(self, method: str | None) -> Permission:
        return self.permissions.get(method or "", "read")

    def principal(self, request: Request, data: dict[str, Any] | None = None) -> Principal:
        """The caller, inside the tenant and naming the user and session that ``data`` names.

        Takes ``tenant_id``, ``user_id`` and ``session_id`` from ``data``; a foreign tenant is 403.
        """
        data = data or {}
        caller: Principal = request.user  # type: ignore[assignment]
        return caller.within(data.get("tenant_id")).naming(
            user_id=data.get("user_id"), session_id=data.get("session_id")
        )

    def read(self, serializer: type[Serializer[Any]], request: Request, *, query: bool = False) -> dict[str, Any]:
        """The validated input of a request, from its body or its query string."""
        source = request.query_params.dict() if query else request.data
        checked = serializer(data=source)
        checked.is_valid(raise_exception=True)
        return dict(checked.validated_data)
