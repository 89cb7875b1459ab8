"""``manage.py install_procedures --tenant T``: the procedures that come with the hub."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from memoryhub.access.exceptions import HubError
from memoryhub.access.principals import system_principal
from procedures_app.services import defaults


class Command(BaseCommand):
    help = "Gives a tenant the six procedures that come with the hub. What has one of their names stays as it is."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", required=True, help="The tenant; it has to exist.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            made = defaults.install(principal=system_principal("install_procedures"), tenant_id=options["tenant"])
        except HubError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"Installed: {', '.join(made)}." if made else "They are there already; nothing was changed.")
