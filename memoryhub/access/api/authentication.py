"""``Authorization: Bearer <key>`` becomes ``request.principal`` (and ``request.user``, as DRF wants it)."""

from __future__ import annotations

import re

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from memoryhub.access import credentials
from memoryhub.access.exceptions import Forbidden, Invalid, Unauthenticated
from memoryhub.access.principals import Principal

AGENT_HEADER = "X-Agent-Id"
AGENT_ID = re.compile(r"^[^\s\x00-\x1f]{1,200}$")


class ApiKeyAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[Principal, str] | None:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if not scheme:
            return None
        if scheme.lower() != "bearer" or not text.strip():
            raise Unauthenticated()
        stored = credentials.verify(text.strip())
        acting = acting_agent(request, stored.agent_id)
        return credentials.principal_for(stored, acting_agent=acting, request_id=request.request_id), text  # type: ignore[attr-defined]

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="memoryhub"'


def acting_agent(request: Request, bound: str | None) -> str | None:
    named = request.headers.get(AGENT_HEADER)
    if named is None:
        return bound
    if not AGENT_ID.match(named):
        raise Invalid(AGENT_HEADER, "Name the acting agent in 1 to 200 characters without spaces.")
    if bound and named != bound:
        raise Forbidden("This key is bound to another agent.", code="agent_mismatch")
    return named


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = ApiKeyAuthentication
    name = "ApiKey"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "An API key: mh_…"}
