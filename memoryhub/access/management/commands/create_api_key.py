"""``manage.py create_api_key --tenant T``: a key for a script, and the tenant and agent where they are missing."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from memoryhub.access.exceptions import HubError
from memoryhub.access.models import ApiKey
from memoryhub.access.principals import system_principal
from memoryhub.access.services import agents, keys, tenants


class Command(BaseCommand):
    help = "Makes an API key and prints it. It cannot be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        owner = parser.add_mutually_exclusive_group(required=True)
        owner.add_argument("--tenant", help="Tenant of the key; made where missing.")
        owner.add_argument("--platform", action="store_true", help="A key of no tenant: it may enter every one.")
        parser.add_argument("--agent", help="Binds the key to this agent; made where missing.")
        parser.add_argument("--user", help="Binds the key to this user.")
        parser.add_argument("--scopes", default="read,write", help="Some of read,write,admin (default: read,write).")
        parser.add_argument("--name", default="", help="What the key is for.")
        parser.add_argument("--expires", type=days, metavar="DAYS", help="The key ends after this many days.")
        parser.add_argument("--quiet", action="store_true", help="Print the key alone.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            key, text = make(options)
        except HubError as error:
            raise CommandError(error.message) from error
        self.stdout.write(text)
        if not options["quiet"]:
            self.stderr.write(f"Key {key.public_id} {description(key)}. It is not shown again: keep it now.")


def make(options: dict[str, Any]) -> tuple[ApiKey, str]:
    principal, tenant, agent = system_principal("create_api_key"), options["tenant"], options["agent"]
    if tenant:
        tenants.ensure(principal=principal, tenant_id=tenant)
    if tenant and agent:
        agents.ensure(principal=principal, tenant_id=tenant, agent_id=agent)
    return keys.create(
        principal=principal,
        tenant_id=tenant,
        agent_id=agent,
        user_id=options["user"],
        scopes=[scope.strip() for scope in options["scopes"].split(",")],
        name=options["name"],
        expires_at=end(options["expires"]),
    )


def days(text: str) -> float:
    try:
        count = float(text)
    except ValueError:
        count = 0
    if not 0 < count <= 36_500:
        raise ArgumentTypeError("give a number of days above 0 and up to 36500")
    return count


def end(count: float | None) -> datetime | None:
    return timezone.now() + timedelta(days=count) if count else None


def description(key: ApiKey) -> str:
    place = f"of tenant '{key.tenant_id}'" if key.tenant_id else "of the platform"
    bound = [f"agent '{key.agent_id}'" if key.agent_id else "", f"user '{key.user_id}'" if key.user_id else ""]
    bindings = " and ".join(part for part in bound if part)
    until = f", until {key.expires_at:%Y-%m-%d %H:%M} UTC" if key.expires_at else ""
    return f"{place}{f', bound to {bindings}' if bindings else ''}, may {', '.join(key.scopes)}{until}"
