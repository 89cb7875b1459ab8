"""How many requests are admitted: per key, and per address for callers without a valid one."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest

from memoryhub.access.api.addresses import client_address
from memoryhub.access.exceptions import RateLimited
from memoryhub.access.principals import Principal
from memoryhub.access.services import rates


def admit_key(principal: Principal) -> None:
    """Raises RateLimited when this key has used up its minute."""
    refuse_after(rates.take(f"key:{principal.key_id}", settings.CONFIG.rates.per_key_per_minute))


def admit_address(request: HttpRequest) -> None:
    """Raises RateLimited when this address has used up its minute of keyless and failing requests."""
    refuse_after(rates.take(f"address:{client_address(request)}", settings.CONFIG.rates.per_ip_per_minute))


def refuse_after(wait: float) -> None:
    if wait:
        raise RateLimited(wait)
