"""``manage.py build_vector_indexes``: gives big tenants a vector index of their own; drops those of shrunken ones."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from memoryhub.search.services import vector_indexes


class Command(BaseCommand):
    help = (
        "Builds vector indexes for tenants with more rows than are compared exactly, and drops those no longer "
        "needed. The hub may run meanwhile, and runs it itself. Safe to interrupt and to repeat."
    )
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        vector_indexes.tend(self.stdout.write)
