#!/usr/bin/env python
"""Runs the hub's commands: ``manage.py run``, ``create_api_key``, ``backup``, …"""

from __future__ import annotations

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "memoryhub.settings")
    from django.core.management import execute_from_command_line

    from memoryhub.config import ConfigError

    try:
        execute_from_command_line(sys.argv)
    except ConfigError as error:
        sys.exit(f"MemoryHub cannot start: {error}")


if __name__ == "__main__":
    main()
