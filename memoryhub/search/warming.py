"""A thread of each web process that has the models of searches loaded before a search needs them.

Not the work of queries: a process that is asked nothing for a while would find the model missing after a switch, and
answer by keyword until it is loaded.
"""

from __future__ import annotations

import logging
import threading

from django.db import InterfaceError, OperationalError, connection

from memoryhub.search.services import spaces

logger = logging.getLogger(__name__)
#: Well below the time for which searches may still be answered by the model that was left.
LOOK_SECONDS = 10.0


class Warmer:
    """Looks at once and then every ten seconds, as long as the process lives."""

    def __init__(self) -> None:
        self._pause = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name="model-warmer", daemon=True).start()

    def _run(self) -> None:
        while True:
            self.look()
            # a process that waits for nothing else holds no connection for this
            connection.close()
            self._pause.wait(LOOK_SECONDS)

    def look(self) -> None:
        try:
            spaces.warm()
        except (OperationalError, InterfaceError):
            logger.debug("The database does not answer; the models are looked at later.")
        except Exception:
            logger.exception("The models of searches could not be loaded ahead; it is tried again.")
