"""Handing a new key to the page after the form, once, and leaving it nowhere.

The text is split by a one-time pad: one half waits in the session (so in the database), the other in a
cookie of this browser. Neither half alone says anything, and the first look takes both away.
"""

from __future__ import annotations

import base64
import secrets

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

SESSION_NAME = "new_key"
COOKIE = "memoryhub_new_key"
SALT = "memoryhub.new_key"
SECONDS = 120


def hand_over(request: HttpRequest, response: HttpResponse, *, key_id: str, text: str, path: str) -> None:
    """Lets the page at ``path`` show ``text`` once, within two minutes, in this session."""
    pad = secrets.token_bytes(len(text.encode()))
    half = base64.b64encode(xor(text.encode(), pad)).decode()
    request.session[SESSION_NAME] = signing.dumps([key_id, half], salt=SALT)
    response.set_cookie(
        COOKIE,
        base64.urlsafe_b64encode(pad).decode(),
        max_age=SECONDS,
        path=path,
        httponly=True,
        samesite="Strict",
        secure=settings.SESSION_COOKIE_SECURE,
    )


def take(request: HttpRequest, *, key_id: str) -> str | None:
    """The text, the first time; None ever after."""
    waiting, pad = request.session.pop(SESSION_NAME, None), request.COOKIES.get(COOKIE)
    if not waiting or not pad:
        return None
    try:
        for_key, half = signing.loads(waiting, salt=SALT, max_age=SECONDS)
        text = xor(base64.b64decode(half), base64.urlsafe_b64decode(pad)).decode()
    except (signing.BadSignature, ValueError):
        return None
    return text if for_key == key_id else None


def xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
