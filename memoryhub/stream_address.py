"""Where this hub streams live changes, as a caller reaches it: a process of its own, on a port of its own."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest


def stream_url(request: HttpRequest) -> str | None:
    """The start of the stream's addresses, such as ``http://127.0.0.1:8001``; None where it is turned off."""
    server = settings.CONFIG.server
    if not server.live_port:
        return None
    if server.stream_url:
        return str(server.stream_url).rstrip("/")
    try:
        host = urlsplit(f"//{request.get_host()}").hostname or server.host
    except DisallowedHost:  # which is answered as such elsewhere
        return None
    return f"{request.scheme}://{f'[{host}]' if ':' in host else host}:{server.live_port}"


def stream_origin(request: HttpRequest) -> str | None:
    """Scheme, host and port of it, as a content policy names them."""
    url = stream_url(request)
    if url is None:
        return None
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
