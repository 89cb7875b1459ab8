"""Content Security Policy: three kinds of answers, three policies, no other host in any of them."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

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


class ContentSecurityPolicyMiddleware:
    """Adds the policy for the path that was asked for."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", policy_for(request.path))
        return response


def policy_for(path: str) -> str:
    return next((policy for prefix, policy in POLICIES.items() if path.startswith(prefix)), API)
