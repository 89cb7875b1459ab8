"""An agent that edits and syncs until it is killed: ``python -m tests.memoryhub_client.replica_process PATH URL SEED``.

Prints each value after ``put`` has returned: those were acknowledged.
"""

from __future__ import annotations

import random
import sys
from contextlib import suppress

from memoryhub_client import MemoryClient, Replica


def main(path: str, url: str, seed: str) -> None:
    draw = random.Random(int(seed))
    client = MemoryClient(url, "none", retries=0)
    number = int(seed) * 1_000_000
    with Replica(path, client, agent_id="ada") as replica:
        print("ready", flush=True)
        while True:
            for _ in range(draw.randrange(1, 8)):
                number += 1
                key = f"k{draw.randrange(40)}"
                replica.put(key, {"number": number, "text": "words " * draw.randrange(60)})
                print(key, number, flush=True)
            if draw.random() < 0.2:
                replica.delete(f"k{draw.randrange(40)}")
            with suppress(OSError):
                replica.sync()


if __name__ == "__main__":
    main(*sys.argv[1:])
