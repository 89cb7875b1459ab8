"""``manage.py fill_feeds``: change feeds equal to the registry. Safe to repeat, and beside a running hub."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from agents_app.services import feeds


class Command(BaseCommand):
    help = "Begins the change feeds of agents that have none, and compares all entries with the feeds."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        begun = feeds.begin_all()
        slices = list(feeds.compare_all())
        grown = {(tenant, agent) for found in slices for tenant, agent, _ in found}
        self.stdout.write(f"{begun} feeds begun; {len(slices)} slices compared, {len(grown)} feeds were behind.")
