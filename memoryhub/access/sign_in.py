"""Signing in to the admin: limited by address, and every sign-in, sign-out and failure in the audit trail."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from memoryhub.access.api.addresses import client_address
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import audit, rates, refusals
from memoryhub.access.walls import behind_walls

LOGIN_ROUTE = "admin/login/"


class ThrottledBackend(ModelBackend):
    """Django's accounts, with a limit on attempts: a password is short enough to be guessed, a key is not."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **options: Any
    ) -> User | None:
        limit = settings.CONFIG.rates.sign_ins_per_minute
        if request is not None and rates.take(f"sign-in:{client_address(request)}", limit):
            raise PermissionDenied  # the form says what it says for a wrong password
        return super().authenticate(request, username=username, password=password, **options)


def listen() -> None:
    """Connects the receivers; called once, when the app is ready."""
    user_logged_in.connect(signed_in, dispatch_uid="memoryhub.signed_in")
    user_logged_out.connect(signed_out, dispatch_uid="memoryhub.signed_out")
    user_login_failed.connect(failed, dispatch_uid="memoryhub.sign_in_failed")


def signed_in(request: HttpRequest | None, user: User, **_: Any) -> None:
    write("access.staff.signed_in", request, user)


def signed_out(request: HttpRequest | None, user: User | None, **_: Any) -> None:
    if user is not None:
        write("access.staff.signed_out", request, user)


def write(action: str, request: HttpRequest | None, user: User) -> None:
    who = Principal(
        kind="staff", name=user.get_username(), staff_pk=user.pk, request_id=getattr(request, "request_id", "")
    )
    described = {"address": client_address(request)} if request else None
    with behind_walls(system_principal("door")):  # before there is a principal, and for limited staff, too
        audit.record(action, principal=who, object_type="staff", object_id=str(user.pk), new=described)


def failed(request: HttpRequest | None, **_: Any) -> None:
    """Without the name that was tried: people type passwords into that field."""
    if request is not None:
        address = client_address(request)
        refusals.note(refusals.Refusal(401, "sign_in_failed", request.method or "", LOGIN_ROUTE, address))
