"""Every API view needs a principal with the permission that the view names for the method."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from memoryhub.access.exceptions import Unauthenticated
from memoryhub.access.principals import Principal


class HasPrincipal(BasePermission):
    """Reads ``view.permissions``, a mapping of method to permission; a method not named needs ``read``.

    Whoever needs more than ``read`` passes the consultation guard, but for a view that says ``consults = False``.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.user, Principal):
            raise Unauthenticated()
        needed = view.needed_permission(request.method)
        request.user.require(needed)
        if needed != "read" and view.consults:
            request.user = request.user.admitted_to_write()  # type: ignore[assignment]
        return True
