"""Loaded before Django's settings: gives the test session a home and a database server of its own."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

HOME = Path(tempfile.mkdtemp(prefix="mh-"))
HOME.chmod(0o755)
(HOME / "static").mkdir()  # where collectstatic would put the files that the web server serves
atexit.register(shutil.rmtree, HOME, ignore_errors=True)

for name in [n for n in os.environ if n.startswith("MEMORYHUB_") or n.endswith("DATABASE_URL")]:
    del os.environ[name]
os.environ["MEMORYHUB_HOME"] = str(HOME)
os.environ["MEMORYHUB_SEARCH__EMBEDDER"] = "hashing"
os.environ["MEMORYHUB_CONFIG"] = os.devnull
os.environ["DJANGO_SETTINGS_MODULE"] = "memoryhub.settings"
