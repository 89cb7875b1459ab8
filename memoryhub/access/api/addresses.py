"""Where a request comes from, as far as it can be believed."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

UNKNOWN = "unknown"


def client_address(request: HttpRequest) -> str:
    """The caller's IP address; an IPv6 one as its /64 network, which one caller owns as a whole.

    X-Forwarded-For counts only behind ``server.trusted_proxies`` proxies, each of which appended one entry.
    """
    peer = str(request.META.get("REMOTE_ADDR") or "")
    proxies = settings.CONFIG.server.trusted_proxies
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
    if proxies and hops:
        return normal(hops[-min(proxies, len(hops))]) or normal(peer) or UNKNOWN
    return normal(peer) or UNKNOWN


def normal(text: str) -> str | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped) if mapped else str(ip_network((address, 64), strict=False))
    return str(address)
