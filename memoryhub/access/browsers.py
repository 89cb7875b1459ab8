"""Django's middleware for people with browsers: sessions, forgery tokens, accounts, messages, headers, files.

Agents bring a key with each request and need none of it. Leaving it out saves them a fifth of the
time of a request that touches no database (`benchmarks/` measures whole requests). The headers that an
answer of the API needs all the same stand with its content policy.
"""

from __future__ import annotations

from django.contrib.auth.middleware import AuthenticationMiddleware as DjangoAuthentication
from django.contrib.messages.middleware import MessageMiddleware as DjangoMessages
from django.contrib.sessions.middleware import SessionMiddleware as DjangoSessions
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.clickjacking import XFrameOptionsMiddleware as DjangoFrames
from django.middleware.csrf import CsrfViewMiddleware as DjangoForgery
from django.middleware.security import SecurityMiddleware as DjangoSecurity

API = "/memory/"


class BrowsersOnly:
    """Passes requests of the API by. Comes before a middleware class in the bases."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path.startswith(API):
            passed: HttpResponseBase = self.get_response(request)  # type: ignore[attr-defined]
            return passed
        answered: HttpResponseBase = super().__call__(request)  # type: ignore[misc]
        return answered


class SessionMiddleware(BrowsersOnly, DjangoSessions):
    """Sessions of the admin."""


class AuthenticationMiddleware(BrowsersOnly, DjangoAuthentication):
    """``request.user`` of the admin; an agent's principal comes with its key."""


class ForgeryMiddleware(BrowsersOnly, DjangoForgery):
    """Forgery tokens of forms. The doors of the API take no cookie, so nobody can borrow one."""


class SecurityMiddleware(BrowsersOnly, DjangoSecurity):
    """Headers and redirects of pages."""


class MessageMiddleware(BrowsersOnly, DjangoMessages):
    """Messages between the pages of the admin."""


class FrameMiddleware(BrowsersOnly, DjangoFrames):
    """X-Frame-Options of pages; the API answers JSON."""
