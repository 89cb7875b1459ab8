"""``manage.py run``: the whole hub in the foreground."""

from __future__ import annotations

import os
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser


class Command(BaseCommand):
    help = "Runs the whole hub (database, web, relay, jobs) until Ctrl-C."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--stop-with-parent", action="store_true", help="Stop when the process that started this one ends (Linux)."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        # the supervisor replaces this process: it lives for weeks and needs no Django in its memory
        flags = ["--stop-with-parent"] if options["stop_with_parent"] else []
        os.execv(sys.executable, [sys.executable, "-m", "memoryhub.runtime", *flags])  # noqa: S606 - no shell is wanted
