"""The base of every API view: principal, permissions, parsed input, limits, safe repetition."""

from __future__ import annotations

from functools import cache, partial
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from memoryhub.access import actors
from memoryhub.access.api import repeats, throttles
from memoryhub.access.api.addresses import client_address
from memoryhub.access.api.authentication import registers_agents
from memoryhub.access.exceptions import HubError, Unavailable
from memoryhub.access.principals import Permission, Principal
from memoryhub.access.services import refusals


class AlwaysJSON(DefaultContentNegotiation):
    """There is one representation; whatever Accept says, it is the most useful answer."""

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type


class HubView(APIView):
    """``permissions`` maps a method to what it needs: ``{"POST": "write"}``; others need ``read``.

    A POST that needs more than ``read`` honors ``Idempotency-Key``: with the header, ``post`` runs in
    one transaction behind the caller's walls, which the services it calls join. A view whose answer must
    not be kept (a new key, an encrypted value) sets ``self.keeps_answer = False`` in ``post``.
    Where a tenant wants every writing consulted first, all methods that need more than ``read`` take a
    ``Consultation-Token``, unless ``consults`` is False: beginning and ending an operation, and what changes nothing.
    """

    permissions: ClassVar[dict[str, Permission]] = {}
    http_method_names = ["get", "post", "put", "patch", "delete", "head"]
    content_negotiation_class = AlwaysJSON
    #: A POST that only reads although it needs more than ``read``, or the reverse, says so here.
    repeatable: ClassVar[bool | None] = None
    keeps_answer = True
    consults: ClassVar[bool] = True

    def needed_permission(self, method: str | None) -> Permission:
        return self.permissions.get(method or "", "read")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        if response.status_code >= 400:
            refusals.note(refusal_of(request, response.status_code))
        return response

    def perform_authentication(self, request: Request) -> None:
        try:
            super().perform_authentication(request)
        except Unavailable:
            raise
        except HubError:
            throttles.admit_address(request._request)
            raise
        if isinstance(request.user, Principal):
            throttles.admit_key(request.user)
        else:
            throttles.admit_address(request._request)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        key = request.META.get(repeats.META_NAME)
        handler = getattr(self, "post", None)
        if key is not None and request.method == "POST" and handler and self.is_repeatable():
            vars(self)["post"] = partial(self.post_once, key, handler)  # on this request's view alone

    def is_repeatable(self) -> bool:
        return self.needed_permission("POST") != "read" if self.repeatable is None else self.repeatable

    def post_once(self, key: str, handler: Any, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        named = request.data.get("tenant_id") if isinstance(request.data, dict) else None
        principal = self.principal(request, {"tenant_id": named} if isinstance(named, str) else {})
        return repeats.carry_out_once(
            key, principal, request, partial(handler, request, *args, **kwargs), lambda: self.keeps_answer
        )

    def principal(self, request: Request, data: dict[str, Any] | None = None) -> Principal:
        """The caller, inside the tenant and naming the user and session that ``data`` names.

        Takes ``tenant_id``, ``user_id`` and ``session_id`` from ``data``; a foreign tenant is 403, and
        for a platform key an unknown one 404.
        """
        data = data or {}
        caller: Principal = request.user  # type: ignore[assignment]
        inside = caller.within(data.get("tenant_id"))
        if inside is not caller:
            actors.check(inside, registers=registers_agents(request, caller))
        return inside.naming(user_id=data.get("user_id"), session_id=data.get("session_id"))

    def read(self, serializer: type[Serializer[Any]], request: Request, *, query: bool = False) -> dict[str, Any]:
        """The validated input of a request, from its body or its query string."""
        source = request.query_params.dict() if query else request.data
        return dict(checker(serializer, query=query).run_validation(source))


@cache
def checker(serializer: type[Serializer[Any]], *, query: bool = False) -> Serializer[Any]:
    """One instance per class: making one copies every field, which took longer than validating.

    ``run_validation`` keeps nothing of the request on the instance.
    """
    return serializer(context={"query": query})


def refusal_of(request: HttpRequest, status: int) -> refusals.Refusal:
    error = getattr(request, "hub_error", None)
    stored = getattr(error, "stored", None)
    match = request.resolver_match
    return refusals.Refusal(
        status=status,
        code=error.code if error else "",
        method=request.method or "",
        route=match.route if match else "",
        address=client_address(request),
        principal=getattr(request, "principal", None),
        key_id=stored.id if stored else None,
        tenant_id=stored.tenant_id if stored else None,
    )
