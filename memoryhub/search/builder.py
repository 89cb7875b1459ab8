"""The thread of the relay that builds vector spaces: niced like it, and with the models that it loads for both."""

from __future__ import annotations

import logging
import threading

from django.db import InterfaceError, OperationalError, connection

from memoryhub.access.principals import system_principal
from memoryhub.search.services import building, space_changes, spaces

logger = logging.getLogger(__name__)
#: Between looks for something to build.
PAUSE_SECONDS = 2.0
AFTER_ERROR_SECONDS = 10.0


class Builder:
    """``start`` follows the configuration once, then builds what there is to build until ``stop``."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._principal = system_principal("builder")

    def start(self) -> None:
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="space-builder", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()

    def _run(self) -> None:
        followed = False
        while not self._stopping.is_set():
            try:
                if not followed:
                    space_changes.follow_configuration(principal=self._principal)
                    followed = True
                spaces.warm()
                pause = (
                    0.0 if building.work(principal=self._principal, stopping=self._stopping.is_set) else PAUSE_SECONDS
                )
            except (OperationalError, InterfaceError):
                connection.close()  # the relay's stores say so already
                pause = AFTER_ERROR_SECONDS
            except Exception:
                logger.exception("Building a vector space failed; it is tried again.")
                pause = AFTER_ERROR_SECONDS
            self._stopping.wait(pause)
        connection.close()
