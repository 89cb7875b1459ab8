"""``manage.py backup FILE``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from memoryhub.config import get_config
from memoryhub.runtime import archive
from memoryhub.runtime.boot import StartError
from memoryhub.runtime.postgres import PostgresError


class Command(BaseCommand):
    help = "Writes the whole hub into one file, while it runs or not. Restore it with 'manage.py restore FILE'."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "file", type=Path, help="Where to write; an existing file is replaced when the backup is complete."
        )

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        config = get_config()
        try:
            with archive.database_at_hand(config, alone=False) as url:
                size = archive.dump(url, file.resolve())
        except (archive.ArchiveError, StartError, PostgresError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Wrote {file} ({size / 1e6:.1f} MB).")
        self.stdout.write(
            f"Keep {config.server.home / 'secrets.json'} with it: without it no API key of the backup is valid."
        )
