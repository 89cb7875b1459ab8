"""``python -m benchmarks.flaky_relay FILE``: a relay whose stores fail one time in five, until FILE exists.

Half of the failures come before the store did anything, half after it did all of it and was not heard.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from memoryhub.sync.models import Delivery
    from memoryhub.sync.stores import Problem, Store

FAIL_EVERY = 5


class Flaky:
    """Stands before a store of the hub."""

    def __init__(self, inner: Store, healed: Path) -> None:
        self.inner, self.healed = inner, healed
        self.name, self.topics = inner.name, inner.topics
        self._numbers = itertools.count(1)

    def deliver(self, batch: Sequence[Delivery]) -> Mapping[int, Problem]:
        if self.healed.exists():
            return self.inner.deliver(batch)
        numbered = {delivery.pk: next(self._numbers) for delivery in batch}
        unlucky = {pk: number for pk, number in numbered.items() if number % FAIL_EVERY == 0}
        # not even begun, and carried out without being heard, in turns
        begun = [one for one in batch if unlucky.get(one.pk, 0) % (2 * FAIL_EVERY) == 0]
        problems = self.inner.deliver(begun) if begun else {}
        return dict(problems) | dict.fromkeys(unlucky, "A bad day.")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "memoryhub.settings"
    os.environ["MEMORYHUB_DB_ROLE"] = "system"
    import django

    django.setup()
    from memoryhub.sync import stores
    from memoryhub.sync.management.commands.relay import signal_arrives
    from memoryhub.sync.services.relay import Relay

    for store in stores.every():
        stores.unregister(store.name)
        stores.register(Flaky(store, Path(sys.argv[1])))
    Relay().run(wait=signal_arrives())


if __name__ == "__main__":
    main()
