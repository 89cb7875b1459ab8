"""``make bench``: prints the table that the README shows."""

from __future__ import annotations

import argparse

from benchmarks import http_rows, load, search
from benchmarks.floor_server import floor_server
from benchmarks.hub import running_hub
from benchmarks.table import markdown


def http_floor() -> load.Result:
    body = {"key": "pref-1", "scope": "tenant"}
    with floor_server() as port:
        load.run(port, lambda client, n: load.request_bytes("/floor", "none", body), seconds=1)
        return load.run(port, lambda client, n: load.request_bytes("/floor", "none", body))


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    floor = http_floor()
    with running_hub(MEMORYHUB_RATES__PER_KEY_PER_MINUTE="0") as hub:
        key = hub.key()
        http_rows.fill(hub, key)
        http_rows.wait_for_relay(hub)
        rows = [http_rows.retrieve_row(hub, key, floor), http_rows.store_row(hub, key)]
        rows += http_rows.message_rows(hub, key, floor)
        http_rows.wait_for_relay(hub, 900)
        rows += search.rows(hub)
    print(markdown(rows))


if __name__ == "__main__":
    main()
