"""Ctrl-C in the terminal of a hub that make has started."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.waiting import until

CTRL_C = b"\x03"
#: Takes the terminal on its standard input for its own, as a login does, and becomes the command.
LOGIN = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"


class Screen:
    """A terminal with one command in it."""

    def __init__(self, command: list[str], **environment: str) -> None:
        self.end, other = pty.openpty()
        os.set_blocking(self.end, False)
        self.text = ""
        self.process = subprocess.Popen(
            [sys.executable, "-c", LOGIN, *command],
            stdin=other,
            stdout=other,
            stderr=other,
            start_new_session=True,
            # as in the terminal of a person, also when make runs the tests
            env={name: value for name, value in os.environ.items() if "MAKE" not in name and name != "MFLAGS"}
            | environment,
        )
        os.close(other)

    def shows(self, text: str) -> bool:
        with suppress(OSError):  # nothing new, or nobody there any more
            self.text += os.read(self.end, 65_536).decode()
        return text in self.text

    def press(self, key: bytes) -> None:
        os.write(self.end, key)


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[Screen]:
    (tmp_path / "Makefile").write_text(f"run:\n\t@exec {sys.executable} -m tests.runtime.small_hub\n")
    made = Screen(["make", "-f", str(tmp_path / "Makefile"), "run"], MEMORYHUB_HOME=str(tmp_path))
    yield made
    made.process.kill()
    made.process.wait()
    os.close(made.end)


def test_ctrl_c_under_make_ends_the_hub_and_is_no_error(screen):
    until(lambda: screen.shows("| ready"), what="the hub")
    screen.press(CTRL_C)
    until(lambda: screen.shows("Stopped."), what="the end of the hub")
    assert screen.process.wait(60) == 0
    screen.shows("")
    assert "make" not in screen.text


def test_ctrl_c_without_make_stops_the_hub(tmp_path):
    screen = Screen([sys.executable, "-m", "tests.runtime.small_hub"], MEMORYHUB_HOME=str(tmp_path))
    until(lambda: screen.shows("| ready"), what="the hub")
    screen.press(CTRL_C)
    assert screen.process.wait(60) == 0
    os.close(screen.end)
