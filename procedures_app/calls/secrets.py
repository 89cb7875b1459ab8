"""Secrets of the configuration, and where each of them may go: to its hosts, for its tenants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from memoryhub.config_procedures import CallSecret
from procedures_app.calls.hosts import CallRefused, Place, listed

EVERY_TENANT = "*"


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret that a tenant may use; ``hosts`` as in ``procedures.allowed_hosts``."""

    value: str = field(repr=False)
    hosts: tuple[str, ...] = ()


def usable(configured: Mapping[str, CallSecret], tenant_id: str | None) -> dict[str, Secret]:
    """The secrets of this tenant, by name; there are no others for it."""
    return {
        name: Secret(one.value.get_secret_value(), tuple(one.hosts))
        for name, one in configured.items()
        if tenant_id is not None and (tenant_id in one.tenants or EVERY_TENANT in one.tenants)
    }


def refusal(name: str, hosts_of: Mapping[str, Sequence[str]], wanted: Place) -> str:
    """Why this secret may not be sent there; empty where it may. ``hosts_of``: those that the tenant may use."""
    if name not in hosts_of:
        return (
            f"There is no secret '{name}' in procedures.secrets that this tenant may use. "
            "Ask an administrator to add it, or to add the tenant to its tenants."
        )
    try:
        places = {listed(entry) for entry in hosts_of[name]}
    except CallRefused as error:
        return f"procedures.secrets.{name}.hosts is wrong: {error}"
    if wanted in places:
        return ""
    return (
        f"The secret '{name}' may not go to {wanted.scheme}://{wanted.host}:{wanted.port}. "
        f"Ask an administrator to add it to procedures.secrets.{name}.hosts."
    )
