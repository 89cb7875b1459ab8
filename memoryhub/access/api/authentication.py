"""``Authorization: Bearer <key>`` becomes ``request.principal`` (and ``request.user``, as DRF wants it)."""

from __future__ import annotations

import re
from dataclasses import replace

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from memoryhub.access import actors, consulting, credentials
from memoryhub.access.exceptions import Forbidden, Invalid, Unauthenticated
from memoryhub.access.principals import Principal
from memoryhub.access.remembered import Remembered
from memoryhub.access.services import keys
from memoryhub.access.services.agents import AGENT_ID, check_not_reserved

AGENT_HEADER = "X-Agent-Id"
FENCE_HEADER = "Lock-Fence"
FENCE = re.compile(r"[1-9][0-9]{0,17}")
KEY_IN_ADDRESS = re.compile(rf"{credentials.PREFIX}_[0-9a-f]{{16}}_[0-9a-f]{{64}}")
READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
#: A key's use is noted once a minute; each process asks that often at most.
NOTED_EVERY_SECONDS = 60

_noted: Remembered[str, None] = Remembered(lambda: NOTED_EVERY_SECONDS)


class ApiKeyAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[Principal, str] | None:
        refuse_key_in_address(request)
        scheme, _, text = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if not scheme:
            return None
        if scheme.lower() != "bearer" or not text.strip():
            raise Unauthenticated()
        principal = principal_of(request, credentials.verify(text.strip()))
        request._request.principal = principal  # type: ignore[attr-defined]
        _noted.get(str(principal.key_id), lambda: keys.touch(principal=principal))
        return principal, text

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="memoryhub"'


def principal_of(request: Request, stored: credentials.StoredKey) -> Principal:
    acting = acting_agent(request, stored.agent_id)
    principal = credentials.principal_for(stored, acting_agent=acting, request_id=request.request_id)  # type: ignore[attr-defined]
    principal = with_consultation(request, with_fence(request, principal))
    if acting and not stored.agent_id:
        actors.check(principal, registers=registers_agents(request, principal))
    return principal


def registers_agents(request: Request, principal: Principal) -> bool:
    """An agent that nobody knows yet is registered when it first comes to write."""
    return request.method not in READING_METHODS and "write" in principal.permissions


def refuse_key_in_address(request: Request) -> None:
    """A key in the query string ends up in logs and histories: such a request is never served."""
    query = request.META.get("QUERY_STRING", "")
    if f"{credentials.PREFIX}_" in query and KEY_IN_ADDRESS.search(query):
        raise Unauthenticated()


def acting_agent(request: Request, bound: str | None) -> str | None:
    named = request.META.get("HTTP_X_AGENT_ID")
    if named is None:
        return bound
    if not AGENT_ID.fullmatch(named := as_utf8(named)):
        raise Invalid(AGENT_HEADER, "Name the acting agent in 1 to 200 characters without spaces.")
    check_not_reserved(AGENT_HEADER, named)
    if bound and named != bound:
        raise Forbidden("This key is bound to another agent.", code="agent_mismatch")
    return named


def with_fence(request: Request, principal: Principal) -> Principal:
    """The caller, saying by ``Lock-Fence`` which lock it holds."""
    number = request.META.get("HTTP_LOCK_FENCE")
    if number is None:
        return principal
    if not FENCE.fullmatch(number):
        raise Invalid(FENCE_HEADER, f"Send the number that you got with the lock, for example {FENCE_HEADER}: 7.")
    return replace(principal, fence=int(number))


def with_consultation(request: Request, principal: Principal) -> Principal:
    """The caller, saying by ``Consultation-Token`` which operation it is at work on."""
    token = request.META.get(consulting.META_NAME)
    return principal if token is None else replace(principal, consultation=consulting.checked_token(token))


def as_utf8(header: str) -> str:
    """WSGI hands headers over as Latin-1; what was meant is UTF-8 where it can be read as such."""
    try:
        return header.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return header


def forget_noted_keys() -> None:
    _noted.clear()


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = ApiKeyAuthentication
    name = "ApiKey"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "An API key: mh_…"}
