"""Exceptions become HTTP here, and nowhere else: RFC 9457 problem+json with a stable ``code``."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views import defaults
from rest_framework import exceptions as drf
from rest_framework.response import Response
from rest_framework.views import set_rollback

from memoryhub.access import exceptions as hub

logger = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"

STATUS: list[tuple[type[hub.HubError], int]] = [
    (hub.NotFound, 404),
    (hub.Invalid, 400),
    (hub.Unauthenticated, 401),
    (hub.Forbidden, 403),
    (hub.Conflict, 409),
    (hub.PreconditionRequired, 428),
    (hub.VersionStale, 412),
    (hub.TooLarge, 413),
    (hub.RateLimited, 429),
    (hub.IdempotencyMismatch, 422),
    (hub.Unavailable, 503),
    (hub.HubError, 400),
]


def status_of(error: hub.HubError) -> int:
    return next(status for kind, status in STATUS if isinstance(error, kind))


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's hook. What is not answered here (a bug) goes on to Django's 500 handler."""
    set_rollback()
    translated = translate(error)
    if translated is None:
        return None
    request = context["request"]
    request._request.hub_error = translated
    return respond(translated, getattr(request, "request_id", ""))


def respond(error: hub.HubError, request_id: str) -> Response:
    status = status_of(error)
    response = Response(body(error, status, request_id), status=status, content_type=MEDIA_TYPE)
    for name, value in headers(error, status).items():
        response[name] = value
    return response


def headers(error: hub.HubError, status: int) -> dict[str, str]:
    wait = getattr(error, "retry_after", None)
    found = {"Retry-After": str(max(1, round(wait)))} if wait is not None else {}
    if status == HTTPStatus.UNAUTHORIZED:
        found["WWW-Authenticate"] = 'Bearer realm="memoryhub"'
    if "allow" in error.extra:
        found["Allow"] = ", ".join(error.extra["allow"])
    return found


def body(error: hub.HubError, status: int, request_id: str) -> dict[str, Any]:
    """The problem document: type, title, status, detail, code, errors[], request_id."""
    problem = {
        "success": False,
        "type": f"urn:memoryhub:problem:{error.code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": error.message,
        "code": error.code,
        "errors": field_errors(error),
        "request_id": request_id,
    }
    # what an error adds never takes the place of what every problem says
    return problem | {key: value for key, value in error.extra.items() if key not in problem and key != "allow"}


def field_errors(error: hub.HubError) -> list[dict[str, str]]:
    if "errors" in error.extra:
        return list(error.extra["errors"])
    if isinstance(error, hub.Invalid):
        return [{"field": error.field, "message": error.message}]
    return []


class MethodNotAllowed(hub.HubError):
    """This address does not take that method."""

    code = "method_not_allowed"


class UnsupportedMediaType(hub.HubError):
    """Send the body as application/json."""

    code = "unsupported_media_type"


STATUS[:0] = [(MethodNotAllowed, 405), (UnsupportedMediaType, 415)]


TRANSLATIONS: list[tuple[tuple[type[Exception], ...], Callable[[Any], hub.HubError]]] = [
    ((hub.HubError,), lambda error: error),
    ((drf.ValidationError,), lambda error: invalid(error)),
    ((drf.MethodNotAllowed,), lambda error: MethodNotAllowed(str(error.detail))),
    ((drf.UnsupportedMediaType,), lambda error: UnsupportedMediaType(f"{error.detail} Send application/json.")),
    ((drf.ParseError,), lambda error: hub.Invalid("body", str(error.detail))),
    ((drf.NotAuthenticated, drf.AuthenticationFailed), lambda error: hub.Unauthenticated()),
    ((drf.Throttled,), lambda error: hub.RateLimited(getattr(error, "wait", None) or 1)),
    ((drf.NotAcceptable,), lambda error: hub.Invalid("Accept", "Answers are application/json only.")),
    ((Http404, drf.NotFound), lambda error: hub.NotFound()),
    ((PermissionDenied, drf.PermissionDenied), lambda error: hub.Forbidden()),
    ((OperationalError, InterfaceError), lambda error: database_down(error)),
    ((DataError,), lambda error: hub.Invalid("body", f"A value does not fit: {str(error).splitlines()[0]}")),
    ((IntegrityError,), lambda error: hub.Conflict("The change collides with another one. Read again and repeat.")),
]


def translate(error: Exception) -> hub.HubError | None:
    """The domain error that says the same as ``error``; None for what is a bug."""
    return next((make(error) for kinds, make in TRANSLATIONS if isinstance(error, kinds)), None)


def database_down(error: BaseException) -> hub.HubError:
    logger.error("The database refused or broke a request: %s", error)
    return hub.Unavailable("The database is not answering. Nothing was changed; repeat the request.")


def invalid(error: drf.ValidationError) -> hub.Invalid:
    found = list(flatten(error.detail, ""))
    first = found[0] if found else {"field": "body", "message": "The request is not valid."}
    return hub.Invalid(first["field"], f"{first['field']}: {first['message']}", errors=found)


def flatten(detail: Any, path: str) -> list[dict[str, str]]:
    if isinstance(detail, dict):
        return [row for key, value in detail.items() for row in flatten(value, join(path, key))]
    if isinstance(detail, list) and any(isinstance(item, (dict, list)) for item in detail):
        return [row for index, value in enumerate(detail) for row in flatten(value, f"{path}[{index}]")]
    items = detail if isinstance(detail, list) else [detail]
    return [{"field": path or "body", "message": str(item)} for item in items]


def join(path: str, key: Any) -> str:
    if isinstance(key, int):  # an item of a list
        return f"{path}[{key}]"
    name = "" if key == "non_field_errors" else str(key)
    return f"{path}.{name}" if path and name else path or name


def plain(error: hub.HubError, request: HttpRequest) -> JsonResponse:
    """For places outside DRF: the URL resolver's 404, a crash's 500."""
    status = status_of(error)
    request_id = getattr(request, "request_id", "")
    answered = headers(error, status)
    return JsonResponse(body(error, status, request_id), status=status, content_type=MEDIA_TYPE, headers=answered)


class InternalError(hub.HubError):
    """The hub made a mistake. It is logged under the request id; repeat the request or tell an administrator."""

    code = "internal_error"


STATUS.insert(0, (InternalError, 500))


def is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/memory")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's handler404."""
    if is_api(request):
        return plain(hub.NotFound("There is no such address. See /docs for all of them."), request)
    return defaults.page_not_found(request, exception)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's handler400: a host name that is not served, a request that Django finds suspicious."""
    if is_api(request):
        return plain(hub.Invalid("request", "The request is not valid HTTP for this hub."), request)
    return defaults.bad_request(request, exception)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Django's handler500; a database that is down is 503 in every door, also before a view was reached."""
    error = sys.exc_info()[1]
    down = isinstance(error, (OperationalError, InterfaceError))
    if is_api(request):
        return plain(database_down(error) if down and error else InternalError(), request)
    return database_is_down(request) if down else defaults.server_error(request)


def database_is_down(request: HttpRequest) -> HttpResponseBase:
    page = "<!doctype html><title>Unavailable</title><h1>The database is not answering</h1><p>Nothing was changed. "
    page += "Wait a moment, then repeat what you did. An administrator finds the cause in the log.</p>"
    return HttpResponse(page, status=503, headers={"Retry-After": "5"})
