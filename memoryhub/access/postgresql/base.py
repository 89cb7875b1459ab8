"""Django's PostgreSQL backend with a health check that costs no round trip."""

from __future__ import annotations

import select

from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """Looks at the socket where Django sends ``SELECT 1`` (a third of a point read's time).

    Nothing may arrive on an idle connection: if the socket is readable, the server has closed it
    or said that it will.
    """

    def is_usable(self) -> bool:
        if self.connection is None or self.connection.closed or self.connection.broken:
            return False
        poller = select.poll()
        poller.register(self.connection.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
        return not poller.poll(0)
