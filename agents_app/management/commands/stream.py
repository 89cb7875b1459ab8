"""``manage.py stream``: the process of live changes, under the supervisor."""

from __future__ import annotations

import asyncio
import resource
import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from agents_app.stream.server import StreamServer, server

#: Files that the process needs beside one for each listener.
OTHER_FILES = 100


class Command(BaseCommand):
    help = "Streams changes to live listeners until SIGTERM or Ctrl-C."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        made = server()
        if not made.port:
            raise CommandError("The stream is turned off: server.stream_port is 0.")
        made.most = min(made.most, allow_files(made.most + OTHER_FILES) - OTHER_FILES)
        try:
            asyncio.run(run(made))
        except OSError as error:
            raise CommandError(
                f"Port {made.port} on {made.host} cannot be used ({error.strerror}). Choose another: server.stream_port"
            ) from error


async def run(made: StreamServer) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await made.serve(stop)


def allow_files(wanted: int) -> int:
    """Raises this process's limit of open files as far as it may and needs; the limit then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return max(soft, limit)
