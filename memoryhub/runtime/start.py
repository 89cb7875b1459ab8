"""Brings a hub up: checks, database, migrations, processes; then supervises until it is stopped."""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import sys
import time
from pathlib import Path

from memoryhub.config import Config, ConfigError, get_config
from memoryhub.runtime.archive import is_occupied
from memoryhub.runtime.boot import StartError, check_port, lock_home, prepare_home
from memoryhub.runtime.child import Child
from memoryhub.runtime.database import database_urls, embedded_server, ensure_database
from memoryhub.runtime.external import prepare_external
from memoryhub.runtime.output import Output
from memoryhub.runtime.postgres import PostgresError, death_signal
from memoryhub.runtime.programs import FIRST_BOOT, PREPARATION, model_preparation, services
from memoryhub.runtime.supervisor import StopRequested, Supervisor
from memoryhub.runtime.terminal import own_foreground

#: After this long without an answer the hub says so; it goes on trying.
PATIENCE_SECONDS = 60.0
EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - compared with, not bound to


def main(arguments: list[str] | None = None) -> int:
    """The exit code of a whole run: 0 after an orderly stop, 1 when the hub could not start."""
    options = parse(arguments)
    try:
        if not options.stop_with_parent:
            return run(get_config())
        death_signal(signal.SIGTERM, parent=os.getppid())()
        with own_foreground():
            return run(get_config())
    except (ConfigError, StartError, PostgresError) as error:
        print(f"MemoryHub cannot start: {error}", file=sys.stderr)
        return 1


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="manage.py run", description="Runs the whole hub until Ctrl-C.")
    parser.add_argument(
        "--stop-with-parent", action="store_true", help="Stop when the process that started this one ends (Linux)."
    )
    return parser.parse_args(arguments)


def run(config: Config) -> int:
    home = Path(config.server.home)
    prepare_home(home)
    with lock_home(home, print) as lock:
        check_port(config)
        supervisor = Supervisor(config, Output(home / "logs" / "hub.log"), lock)
        supervisor.listen()
        try:
            bring_up(supervisor)
            supervisor.run()
        except StopRequested:
            pass
        finally:
            supervisor.shut_down()
    return 0


def bring_up(supervisor: Supervisor) -> None:
    """Everything in order, up to the lines that say where to go. Raises StartError, PostgresError, ConfigError."""
    started = time.monotonic()
    start_database(supervisor)
    prepare_schema(supervisor)
    web, *others = services(supervisor.config)
    supervisor.output.say("Starting the web server.")
    supervisor.add(web)
    # asked here because it is cheap: a process that only finds out costs a second of each start
    first_boot = None if is_occupied(database_urls(supervisor.config).owner) else supervisor.add(FIRST_BOOT)
    ready = wait_for_web(supervisor, first_boot)
    for program in [*others, *model_preparation(supervisor.config)]:
        supervisor.add(program)
    if ready:
        supervisor.output.say(
            f"MemoryHub is ready after {time.monotonic() - started:.1f} s: {web_url(supervisor.config)}"
        )
    announce(supervisor, first_boot)


def start_database(supervisor: Supervisor) -> None:
    config, say = supervisor.config, supervisor.output.say
    if config.database.url is not None:
        say("Checking the database that DATABASE_URL names.")
        prepare_external(config)
        return
    say("Starting the database.")
    server = embedded_server(config)
    server.say, server.pause = say, supervisor.pump
    try:
        supervisor.start_database(server)
    except OSError as error:
        raise StartError(
            f"The database in {server.data_dir} cannot be started: {error}. Run the hub as the account that made it."
        ) from error
    ensure_database(server.superuser_url())


def prepare_schema(supervisor: Supervisor) -> None:
    supervisor.output.say("Preparing the tables.")
    child = supervisor.finish(PREPARATION)
    if child.exit_code:
        raise StartError(
            "The tables could not be prepared; the lines above say why. Nothing was lost: correct it and start again."
        )


def wait_for_web(supervisor: Supervisor, first_boot: Child | None) -> bool:
    """Whether it answers; after a while the caller goes on without it, and the supervisor goes on trying."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (answers(supervisor.config) and (first_boot is None or first_boot.process is None)):
        supervisor.tend()
        supervisor.pump(0.1)
        if time.monotonic() > deadline:
            supervisor.output.say("The web server has not answered yet; the lines above may say why. Going on trying.")
            return False
    return True


def address(config: Config) -> str:
    return EVERY_ADDRESS.get(config.server.host, config.server.host)


def answers(config: Config) -> bool:
    """Whether the hub serves: health answers 200 without a key."""
    connection = http.client.HTTPConnection(address(config).strip("[]"), config.server.port, timeout=2)
    try:
        connection.request("GET", "/memory/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def web_url(config: Config) -> str:
    return f"http://{address(config)}:{config.server.port}"


def announce(supervisor: Supervisor, first_boot: Child | None) -> None:
    url = web_url(supervisor.config)
    if first_boot and first_boot.exit_code:
        for line in first_boot.captured:
            supervisor.output.say(line, first_boot.name)
        supervisor.output.say("The first login could not be made; the lines above say why. The next start tries again.")
        return
    made = json.loads(first_boot.captured[-1]) if first_boot and first_boot.captured else {}
    for line in first_lines(url, made) if made else later_lines(url):
        # not into the log file: it would keep the password and the key
        supervisor.output.show(line)


def first_lines(url: str, made: dict[str, str]) -> list[str]:
    body = '{"key": "greeting", "scope": "tenant", "layer": "long_term", "value": {"text": "hello"}}'
    headers = f"-H 'Authorization: Bearer {made['api_key']}' -H 'Content-Type: application/json'"
    return [
        "",
        f"  Admin     {url}/admin/",
        f"  Login     {made['login']}",
        f"  Password  {made['password']}",
        f"  API key   {made['api_key']}",
        f"  API docs  {url}/docs",
        "",
        "  Password and key are shown this once. Store a first memory:",
        "",
        f"  curl {url}/memory/context/store {headers} -d '{body}'",
        "",
    ]


def later_lines(url: str) -> list[str]:
    python = sys.executable if not sys.prefix.startswith(os.getcwd()) else os.path.relpath(sys.executable)
    return [
        "",
        f"  Admin     {url}/admin/      (a new password: {python} manage.py changepassword admin)",
        f"  API docs  {url}/docs        (a new key: {python} manage.py create_api_key --tenant default)",
        "",
    ]
