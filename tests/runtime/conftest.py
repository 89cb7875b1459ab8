"""Folders that the database's own account can reach, also when the tests run as root.

pytest's temporary folders lie below one that every further pytest session closes to others again.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def reachable_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="mh-")).resolve()
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    with reachable_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def module_folder() -> Iterator[Path]:
    with reachable_folder() as folder:
        yield folder
