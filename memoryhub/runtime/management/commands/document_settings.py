"""``manage.py document_settings``: docs/configuration.md and memory_config.example.yaml from the settings."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from memoryhub.runtime import reference


class Command(BaseCommand):
    help = "Writes docs/configuration.md and memory_config.example.yaml from memoryhub/config_sections.py."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        for path in reference.outdated():
            self.stdout.write(f"Updating {path}")
        reference.write()
