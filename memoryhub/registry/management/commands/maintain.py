"""``manage.py maintain``: what only the owner of the tables may do, from time to time."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from memoryhub.registry.services import partitions


class Command(BaseCommand):
    help = "Makes the access log's partitions of the next days and drops those that are too old. Safe to repeat."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days-ahead", type=int, default=7, help="Days for which partitions are made in advance.")

    def handle(self, *args: Any, days_ahead: int, **options: Any) -> None:
        made = partitions.ensure_partitions(days_ahead)
        dropped = partitions.drop_old_partitions()
        if made or dropped:
            self.stdout.write(f"Access log: {len(made)} partitions made, {len(dropped)} dropped.")
