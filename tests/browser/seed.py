"""A hub as it looks after a few busy days, made through the services: ``python -m tests.browser.seed``.

Prints the login and the ids that the tests open, as JSON. Runs as the system role; what only time brings
(ages, totals of past days) is written straight into the tables at the end.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import django

LOGIN, PASSWORD = "ada", "correct-horse-battery"
HOSTILE = "<script>document.title='owned'</script> {{ 7*7 }} \u202egnp.exe\u202c zero\u200bwidth ' \" onload=alert(1)"


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "memoryhub.settings")
    django.setup()
    from tests.browser import (
        agent_scenes,
        desk_scenes,
        knowledge_scenes,
        lock_scenes,
        run_scenes,
        scenes,
        sharing_scenes,
    )

    made = {"login": LOGIN, "password": PASSWORD}
    for part in (scenes, sharing_scenes, run_scenes, desk_scenes, agent_scenes, lock_scenes, knowledge_scenes):
        made |= part.play()
    print(json.dumps(made))


def ago(**span: float) -> datetime:
    return datetime.now(UTC) - timedelta(**span)


def ids(**named: Any) -> dict[str, str]:
    return {name: str(value) for name, value in named.items()}


if __name__ == "__main__":
    main()
