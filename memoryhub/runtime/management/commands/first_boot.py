"""``manage.py first_boot``: prints the first login as JSON, or nothing where the hub has one."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand

from memoryhub.runtime.first_boot import make_first_login


class Command(BaseCommand):
    help = "Makes the first tenant, login and API key of an empty hub; 'run' does it and shows them once."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        if made := make_first_login():
            self.stdout.write(json.dumps(made.as_dict()))
