"""``manage.py relay``: carries changes from the outbox to the stores, until it is stopped."""

from __future__ import annotations

import select
import signal
import socket
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from memoryhub.sync.services.relay import Relay, run_once


class Command(BaseCommand):
    help = "Carries changes from the outbox to the stores. SIGTERM or Ctrl-C: finishes what it holds, then ends."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="Deliver what is due, then end.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["once"]:
            self.stdout.write(f"{run_once()} deliveries arrived.")
            return
        Relay().run(wait=signal_arrives())


def signal_arrives() -> Callable[[float], bool]:
    """A wait for SIGTERM or SIGINT. Over a socket: a lock must not be taken in a signal handler."""
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: writer.send(b"."))
    return lambda seconds: bool(select.select([reader], [], [], seconds)[0])
