"""The last net under the admin's pages: no character in them is invisible or turns the direction of others."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from memoryhub.access.texts import revealed


class RevealHiddenCharactersMiddleware:
    """Writes out hidden characters in the texts of admin pages, whoever rendered them: the theme's lists, too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith("/admin/") and is_page(response):
            response.content = revealed(response.content.decode()).encode()
        return response


def is_page(response: HttpResponse) -> bool:
    return not response.streaming and response.headers.get("Content-Type", "").startswith("text/html")
