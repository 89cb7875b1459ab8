"""``manage.py restore FILE [--force]``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from memoryhub.config import get_config
from memoryhub.runtime import archive
from memoryhub.runtime.boot import StartError
from memoryhub.runtime.postgres import PostgresError


class Command(BaseCommand):
    help = "Replaces the whole hub by a backup. The hub must be stopped; a hub in use is replaced only with --force."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="What 'manage.py backup' wrote.")
        parser.add_argument("--force", action="store_true", help="Replace a hub that already holds data.")

    def handle(self, *args: Any, file: Path, force: bool, **options: Any) -> None:
        try:
            with archive.database_at_hand(get_config(), alone=True) as url:
                self.refuse(url, force=force)
                archive.restore(url, file.resolve())
                # rights of this hub's roles, and newer migrations where the backup is older
                call_command("migrate", interactive=False, verbosity=0)
                connection.close()
        except (archive.ArchiveError, StartError, PostgresError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Restored {file}. Logins and API keys are those of the backup.")

    def refuse(self, url: str, *, force: bool) -> None:
        if names := archive.served_by(url):
            raise CommandError(f"Processes of the hub are connected ({names}). Stop the hub on every host first.")
        if not force and archive.is_occupied(url):
            raise CommandError("This hub holds data, and a restore replaces all of it. Say --force if that is meant.")
