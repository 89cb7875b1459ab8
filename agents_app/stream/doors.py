"""Who may listen: views that are asked before a stream begins. Only the stream's own process knows these addresses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import path
from rest_framework import serializers
from rest_framework.request import Request

from agents_app import news
from agents_app.api.acting import acting_as
from agents_app.api.feed_inputs import LARGEST_SEQ, NamingInput
from memoryhub.access.admin.base import principal_of
from memoryhub.access.api import problems
from memoryhub.access.api.views import HubView
from memoryhub.access.credentials import split_key
from memoryhub.access.exceptions import Forbidden, Invalid, Unauthenticated
from memoryhub.access.principals import Principal

LAST_EVENT_ID = "Last-Event-ID"
USUAL_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Subscription:
    """Someone who may listen to one agent's feed. ``after`` None: from now on; ``public_id`` names the key."""

    principal: Principal
    public_id: str
    after: int | None
    epoch: int | None
    user_id: str | None

    @property
    def feed(self) -> tuple[str, str]:
        assert self.principal.tenant_id is not None  # acting_as has found the agent
        assert self.principal.agent_id is not None
        return self.principal.tenant_id, self.principal.agent_id


@dataclass(frozen=True, slots=True)
class Watch:
    """A browser of the admin that may hear of news of these kinds, in these tenants (None: in all)."""

    tenants: tuple[str, ...] | None
    kinds: frozenset[str]

    def sees(self, tenant: str) -> bool:
        return self.tenants is None or tenant in self.tenants


class Admitted(HttpResponse):
    """The beginning of a stream."""

    def __init__(self, to: Subscription | Watch) -> None:
        super().__init__(content_type="text/event-stream; charset=utf-8")
        self.to = to
        self["Cache-Control"] = "no-cache, no-transform"
        # a proxy that collects answers before it passes them on would keep the events
        self["X-Accel-Buffering"] = "no"


class StreamQuery(NamingInput):
    after = serializers.IntegerField(min_value=0, max_value=LARGEST_SEQ, required=False)
    epoch = serializers.IntegerField(min_value=0, max_value=2**31 - 1, required=False)


class FeedStreamView(HubView):
    """GET /memory/agents/<agent_id>/stream?after=&epoch=&user_id="""

    def get(self, request: Request, agent_id: str) -> HttpResponse:
        query = self.read(StreamQuery, request, query=True)
        principal = acting_as(self, request, agent_id, query)
        subscription = Subscription(
            principal=principal,
            public_id=split_key(str(request.auth))[0],
            after=last_event(request) if LAST_EVENT_ID in request.headers else query.get("after"),
            epoch=query.get("epoch"),
            user_id=query.get("user_id") or principal.bound_user,
        )
        return Admitted(subscription)


def last_event(request: Request) -> int:
    """What a browser that connects again says to have seen last; it knows better than the address."""
    text = request.headers[LAST_EVENT_ID]
    if len(text) > len(str(LARGEST_SEQ)) or not text.isdecimal() or int(text) > LARGEST_SEQ:
        raise Invalid(LAST_EVENT_ID, "Name the id of the last event that you got.")
    return int(text)


def admin_stream(request: HttpRequest) -> HttpResponseBase:
    """GET /admin/stream, with the cookie of a signed-in member of the staff, from a page of this hub."""
    origin = request.headers.get("Origin")
    if origin is not None and not is_own(origin, request):
        return problems.plain(Forbidden("Only pages of this hub may listen here."), request)
    if not request.user.is_authenticated or not request.user.is_staff:
        return problems.plain(Unauthenticated("Sign in to the admin first."), request)
    watch = Watch(
        tenants=principal_of(request).staff_tenants,
        kinds=frozenset(kind for kind, needed in news.permissions().items() if request.user.has_perm(needed)),
    )
    response = Admitted(watch)
    if origin is not None:
        response["Access-Control-Allow-Origin"] = origin
        response["Access-Control-Allow-Credentials"] = "true"
        response["Vary"] = "Origin"
    return response


def is_own(origin: str, request: HttpRequest) -> bool:
    """The pages stand on the same host at the web's port, or where the configuration says."""
    if origin in settings.CONFIG.server.trusted_origins:
        return True
    here = urlsplit(f"//{request.get_host()}")
    try:
        page = urlsplit(origin)
        port = page.port or USUAL_PORTS.get(page.scheme)
    except ValueError:  # no address at all
        return False
    served = {here.port} if here.port else set(USUAL_PORTS.values())
    return page.hostname == here.hostname and port in {settings.CONFIG.server.port, *served}


handler400, handler404, handler500 = problems.bad_request, problems.not_found, problems.server_error
urlpatterns: Sequence[object] = [
    path("memory/agents/<str:agent_id>/stream", FeedStreamView.as_view()),
    path("admin/stream", admin_stream),
]
