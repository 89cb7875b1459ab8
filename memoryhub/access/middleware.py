"""Request ids for every request, and the walls around every admin request."""

from __future__ import annotations

import re
from collections.abc import Callable
from http import HTTPStatus
from io import BytesIO
from uuid import uuid4

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse

from memoryhub.access.api.views import refusal_of
from memoryhub.access.services import refusals
from memoryhub.access.staff import staff_principal
from memoryhub.access.walls import behind_walls

Handler = Callable[[HttpRequest], HttpResponse]
REQUEST_ID = re.compile(r"^[A-Za-z0-9_.:-]{1,128}$")


class RequestIdMiddleware:
    """Takes ``X-Request-Id`` from the caller, or makes one; answers it back."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request.request_id = given if REQUEST_ID.match(given) else uuid4().hex  # type: ignore[attr-defined]
        response = self.get_response(request)
        response["X-Request-Id"] = request.request_id  # type: ignore[attr-defined]
        return response


class UnannouncedBodyMiddleware:
    """Makes bodies sent in chunks readable: Django takes a request without Content-Length for an empty one.

    Reads one byte more than allowed, which is what the parser needs to refuse a body that is too large.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "CONTENT_LENGTH" not in request.META and request.META.get("wsgi.input_terminated"):
            body = request.META["wsgi.input"].read(settings.CONFIG.limits.body_kb * 1024 + 1)
            request.META["CONTENT_LENGTH"] = str(len(body))
            request._stream = BytesIO(body)
        return self.get_response(request)


class AdminWallsMiddleware:
    """Runs each admin request of a staff user in one transaction that sees only that user's tenants."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith("/admin/") or not request.user.is_staff:
            return self.get_response(request)
        request.principal = staff_principal(request)  # type: ignore[attr-defined]
        with behind_walls(request.principal):  # type: ignore[attr-defined]
            response = self.get_response(request)
            if hasattr(response, "render") and callable(response.render):
                response.render()
            if response.status_code >= 500:
                transaction.set_rollback(True)
        if response.status_code == HTTPStatus.FORBIDDEN:
            refusals.note(refusal_of(request, response.status_code))
        return response
