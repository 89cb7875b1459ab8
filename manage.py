#!/usr/bin/env python
"""Runs the hub's commands: ``manage.py run``, ``create_api_key``, ``backup``, …"""

from __future__ import annotations

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "memoryhub.settings")
    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    from memoryhub.config import ConfigError

    try:
        execute_from_command_line(sys.argv)
    except ConfigError as error:
        sys.exit(f"MemoryHub cannot start: {error}")
    except OperationalError as error:
        reason = str(error).strip().splitlines()[0]
        sys.exit(f"The database cannot be used: {reason}\nIf the hub is not running, start it first: make run")


if __name__ == "__main__":
    main()
