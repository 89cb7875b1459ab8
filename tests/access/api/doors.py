"""A few doors for tests of what all doors have in common."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.urls import path
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from memoryhub.access.api.problems import bad_request, not_found, server_error
from memoryhub.access.api.serializers import Input
from memoryhub.access.api.views import HubView
from memoryhub.access.exceptions import Conflict
from memoryhub.access.ids import new_id
from memoryhub.access.models import AuditEvent
from memoryhub.access.principals import Principal
from memoryhub.access.services import audit
from memoryhub.access.walls import verb

NOTED = "test.noted"


@verb
def note(*, principal: Principal, text: str) -> None:
    audit.record(NOTED, principal=principal, object_id=text)


class NoteInput(Input):
    text = serializers.CharField(max_length=100)
    size = serializers.ChoiceField(["small", "big"], required=False)
    tenant_id = serializers.CharField(required=False)
    user_id = serializers.CharField(required=False)
    anything = serializers.JSONField(required=False)
    then = serializers.ChoiceField(["refuse", "crash", "unavailable"], required=False)


class NotesView(HubView):
    """GET counts the notes of the tenant; POST writes one, and may fail afterwards."""

    permissions = {"POST": "write"}

    def get(self, request: Request) -> Response:
        return Response({"success": True, "notes": count_notes(principal=self.principal(request))})

    def post(self, request: Request) -> Response:
        data = self.read(NoteInput, request)
        note(principal=self.principal(request, data), text=data["text"])
        finish(data.get("then"))
        status = 503 if data.get("then") == "unavailable" else 201
        return Response({"success": True, "entry_id": new_id(), "text": data["text"]}, status, headers={"ETag": '"1"'})


class RawView(NotesView):
    """Writes its answer itself, past DRF's renderer."""

    def post(self, request: Request) -> HttpResponse:  # type: ignore[override]
        return HttpResponse(JSONRenderer().render(super().post(request).data), "application/json", 201)


class SecretView(NotesView):
    def post(self, request: Request) -> Response:
        self.keeps_answer = False
        return super().post(request)


class LookView(HubView):
    """A POST that only reads."""

    def post(self, request: Request) -> Response:
        caller = self.principal(request, self.read(NoteInput, request))
        return Response({"success": True, "look": str(new_id()), "agent": caller.agent_id, "tenant": caller.tenant_id})


class PublicView(HubView):
    authentication_classes = []
    permission_classes = []

    def get(self, request: Request) -> Response:
        return Response({"success": True})


@verb
def count_notes(*, principal: Principal) -> int:
    return AuditEvent.objects.visible_to(principal).filter(action=NOTED).count()


def finish(then: Any) -> None:
    if then == "refuse":
        raise Conflict("refused after writing")
    if then == "crash":
        raise ZeroDivisionError


handler400, handler404, handler500 = bad_request, not_found, server_error
urlpatterns = [
    path("memory/notes", NotesView.as_view()),
    path("memory/raw", RawView.as_view()),
    path("memory/secret", SecretView.as_view()),
    path("memory/look", LookView.as_view()),
    path("memory/public", PublicView.as_view()),
]
