"""Loaded before Django's settings: gives the test session a home and a database server of its own.

With several worker processes each has its own, and a file's tests run in one of them. Those that share a
dear thing (a browser, a whole hub) run in one worker, and first: otherwise the others wait for them in the end.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest

HOME = Path(tempfile.mkdtemp(prefix="mh-"))
HOME.chmod(0o755)
(HOME / "static").mkdir()  # where collectstatic would put the files that the web server serves
atexit.register(shutil.rmtree, HOME, ignore_errors=True)

for name in [n for n in os.environ if n.startswith("MEMORYHUB_") or n.endswith("DATABASE_URL")]:
    del os.environ[name]
os.environ["MEMORYHUB_HOME"] = str(HOME)
os.environ["MEMORYHUB_SEARCH__EMBEDDER"] = "hashing"
os.environ["MEMORYHUB_SERVER__STREAM_PORT"] = "0"
os.environ["MEMORYHUB_CONFIG"] = os.devnull
os.environ["DJANGO_SETTINGS_MODULE"] = "memoryhub.settings"


#: Shares by the starts of their files' paths.
SHARES = {
    "browser": ("tests/browser/",),
    "hub": ("tests/flows/test_listening_replica.py", "tests/flows/test_real_hub.py"),
    "runtime": ("tests/runtime/",),
}
SLOW_AND_SHARING = tuple(start for starts in SHARES.values() for start in starts)


def group_of(path: str) -> str:
    """The name of the worker's share that a test file belongs to."""
    return next((name for name, starts in SHARES.items() if path.startswith(starts)), path)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hands out shares. ``--dist loadgroup`` would, but this pytest does not let a test's id carry its group."""
    from xdist.scheduler import LoadFileScheduling

    class Shares(LoadFileScheduling):  # type: ignore[misc] # xdist has no types
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid.split("::", 1)[0])

    return Shares(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: not path_of(item).startswith(SLOW_AND_SHARING))


def path_of(item: pytest.Item) -> str:
    return item.path.relative_to(item.config.rootpath).as_posix()
