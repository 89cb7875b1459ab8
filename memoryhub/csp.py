"""Content Security Policy: three kinds of answers, three policies, no other host in any of them.

For the API this is the one place that adds headers: what Django's middleware says about pages, said once.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from memoryhub.stream_address import stream_origin

#: JSON needs nothing; a browser that shows it by accident loads nothing.
API = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
SHARED = (
    "default-src 'none'; connect-src 'self'; font-src 'self'; img-src 'self' data:; manifest-src 'self'; "
    "style-src 'self' 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'; "
)
#: Alpine, which the admin's theme is made of, evaluates the expressions in its attributes.
ADMIN = SHARED + "script-src 'self' 'unsafe-eval'"
DOCS = SHARED + "script-src 'self'"
POLICIES = {"/admin/": ADMIN, "/docs": DOCS}


DOORS = "/memory/"
HEADER = "Content-Security-Policy"


class ContentSecurityPolicyMiddleware:
    """Adds the policy for the path that was asked for."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith(DOORS):
            for name, value in API_HEADERS.items():
                response.headers[name] = value
        else:
            response.headers.setdefault(HEADER, with_stream(policy_for(request.path), request))
        return response


def policy_for(path: str) -> str:
    return next((policy for prefix, policy in POLICIES.items() if path.startswith(prefix)), API)


def with_stream(policy: str, request: HttpRequest) -> str:
    """The admin's pages may listen to live changes, which come from a port of their own."""
    if policy is not ADMIN:
        return policy
    origin = stream_origin(request)
    return policy.replace("connect-src 'self'", f"connect-src 'self' {origin}") if origin else policy


API_HEADERS = {
    HEADER: API,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": settings.SECURE_REFERRER_POLICY,
    "Cross-Origin-Opener-Policy": settings.SECURE_CROSS_ORIGIN_OPENER_POLICY,
}
