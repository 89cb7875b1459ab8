"""Every API view needs a principal with the permission that the view names for the method."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from memoryhub.access.exceptions import Unauthenticated
from memoryhub.access.principals import Principal


class HasPrincipal(BasePermission):
    """Reads ``view.permissions``, a mapping of method to permission; a method not named needs ``read``."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.user, Principal):
            raise Unauthenticated()
        request.user.require(view.needed_permission(request.method))
        return True
