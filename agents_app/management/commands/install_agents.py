"""``manage.py install_agents --tenant T``: the agents and sharing rules of the published interface."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from agents_app.services import defaults
from memoryhub.access.exceptions import HubError
from memoryhub.access.principals import system_principal


class Command(BaseCommand):
    help = "Gives a tenant the agents Alden, Alice, Sentry and Mimic with their profiles and sharing rules."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", required=True, help="The tenant; it has to exist.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            made = defaults.install(principal=system_principal("install_agents"), tenant_id=options["tenant"])
        except HubError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"Installed: {', '.join(made)}." if made else "They are there already; nothing was changed.")
