"""``python -m tests.browser.screenshots``: pictures of the seeded admin, light and dark, into ``screenshots/``."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

PICTURES = Path(__file__).with_name("pictures.py")


def main() -> int:
    return int(pytest.main(["-q", "-p", "tests.hub_plugin", str(PICTURES)]))


if __name__ == "__main__":
    sys.exit(main())
