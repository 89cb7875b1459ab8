"""``manage.py prepare``: tables, partitions and schedules, before anything serves."""

from __future__ import annotations

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Brings the database up to date: migrations, partitions, schedules. Safe to repeat; every start does it."

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=1)
        call_command("maintain")
        call_command("declare_jobs")
