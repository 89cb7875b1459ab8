"""A supervisor with small stand-in programs, to be run as a process of its own and hurt.

``python -m tests.runtime.small_hub [--database]``; the home comes from MEMORYHUB_HOME.
"""

from __future__ import annotations

import sys
from pathlib import Path

from memoryhub.config import get_config
from memoryhub.runtime.boot import lock_home, prepare_home
from memoryhub.runtime.output import Output
from memoryhub.runtime.postgres import EmbeddedPostgres
from memoryhub.runtime.programs import Program
from memoryhub.runtime.supervisor import StopRequested, Supervisor
from memoryhub.runtime.terminal import own_foreground

CALM = "import time; print('calm is up', flush=True); time.sleep(600)"
# does not listen to SIGTERM, and has a child of its own that does not either
STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    time.sleep(600)
print('stubborn is up', flush=True)
time.sleep(600)
"""
BRIEF = "print('brief has run', flush=True)"


def program(name: str, script: str, **options: object) -> Program:
    return Program(name, (sys.executable, "-I", "-S", "-c", script), role="app", **options)  # type: ignore[arg-type]


def bring_up(supervisor: Supervisor, home: Path) -> None:
    if "--database" in sys.argv:
        server = EmbeddedPostgres(home / "postgres", fast=True, say=supervisor.output.say, pause=supervisor.pump)
        supervisor.start_database(server)
    supervisor.finish(program("brief", BRIEF, kind="once"))
    supervisor.add(program("calm", CALM))
    supervisor.add(program("stubborn", STUBBORN, stop_stage=2, grace=0.3))
    supervisor.output.say("ready")


def main() -> None:
    home = Path(get_config().server.home)
    prepare_home(home)
    with lock_home(home, print) as lock:
        supervisor = Supervisor(get_config(), Output(home / "logs" / "hub.log"), lock)
        supervisor.listen()
        try:
            bring_up(supervisor, home)
            supervisor.run()
        except StopRequested:
            pass
        finally:
            supervisor.shut_down()


if __name__ == "__main__":
    Supervisor.warden_grace = 0.5
    with own_foreground():
        main()
