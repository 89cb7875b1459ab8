"""What the supervisor shows: one line per event, prefixed by the process it comes from."""

from __future__ import annotations

import logging
import os
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path

LOG_BYTES = 10 * 1024 * 1024
LOG_FILES = 5
#: Longer lines are cut into pieces, so that a runaway process cannot fill the supervisor's memory.
LONGEST_LINE = 16 * 1024
PREFIX_WIDTH = 11


class Output:
    """Writes to the terminal and to a rotating file; a closed terminal is no error."""

    def __init__(self, log_file: Path) -> None:
        log_file.parent.mkdir(parents=True, exist_ok=True)
        self._file = RotatingFileHandler(
            log_file, maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8", errors="replace"
        )
        self._file.setFormatter(logging.Formatter("%(asctime)s %(message)s"))

    def say(self, line: str, source: str = "hub") -> None:
        text = f"{source:<{PREFIX_WIDTH}}| {line}"
        self.show(text)
        self._file.emit(logging.LogRecord("memoryhub", logging.INFO, "", 0, text, (), None))

    def show(self, text: str) -> None:
        """To the terminal only: for what must not be kept in a file, such as a first password."""
        try:
            print(text, flush=True)
        except (OSError, ValueError):
            silence_stdout()

    def close(self) -> None:
        self._file.close()


def silence_stdout() -> None:
    """The reader of our output has gone (closed terminal, ended pipe): carry on with the log file alone."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.__stdout__.fileno() if sys.__stdout__ else 1)
    os.close(nowhere)


class Lines:
    """Cuts the bytes of a pipe into lines."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        *complete, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            complete.append(self._rest)
            self._rest = b""
        return [decode(line) for line in complete if line.strip()]

    def flush(self) -> list[str]:
        rest, self._rest = self._rest, b""
        return [decode(rest)] if rest.strip() else []


def decode(line: bytes) -> str:
    return line.decode(errors="replace").rstrip()
