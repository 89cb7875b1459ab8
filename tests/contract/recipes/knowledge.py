"""Knowledge: captured, matched, curated; and errors as agents met them."""

from __future__ import annotations

from itertools import count
from typing import Any

from tests.contract.calls import Call, Id
from tests.contract.recipes import Foreign, recipe
from tests.contract.world import World

#: Words that programs have in common, which tell one problem from another; those of each place others: every number is
#: an error of its own.
WORDS = (
    ("abort", "accept", "access", "account", "action", "activation", "address", "adjust", "administrator", "agent"),
    ("backup", "bucket", "buffer", "browser", "build", "cache", "call", "cancel", "capacity", "channel"),
    ("class", "client", "clock", "cluster", "codec", "column", "command", "comment", "commit", "compiler"),
    (
        "connection",
        "console",
        "constant",
        "container",
        "context",
        "controller",
        "cookie",
        "counter",
        "cursor",
        "daemon",
    ),
)
_numbers = count()


def another_error(world: World) -> str:
    """An error that nobody met."""
    number = f"{next(_numbers):04d}"
    words = " ".join(place[int(digit)] for place, digit in zip(WORDS, number, strict=True))
    return f"PoolError: the {words} pool ran dry near {world.text()}"


def captured(world: World, **fields: Any) -> dict[str, Any]:
    said = {
        "title": world.text(),
        "content": {"error": another_error(world), "cause": world.text(), "solution": world.text("wait")},
        "knowledge_type": "error_pattern",
        "tags": [world.text()],
    }
    shown: dict[str, Any] = world.post("knowledge", **(said | fields))["knowledge"]
    world.known(shown["id"])
    for solution in shown["solutions"]:
        world.known(solution["id"])
    return shown


def new_knowledge(world: World, **fields: Any) -> Id:
    return Id(captured(world, **fields)["id"])


def new_error(world: World, **fields: Any) -> dict[str, Any]:
    said = {"message": another_error(world), "context": {"task": world.text()}}
    error: dict[str, Any] = world.post("errors", **(said | fields))["error"]
    world.known(error["id"])
    return error


@recipe("POST knowledge", foreign=Foreign.OWN, shows=True)
def capture(world: World) -> Call:
    return Call(body={"title": world.text(), "content": world.text(), "tags": ["red"], "importance": 0.7})


@recipe("POST knowledge", foreign=Foreign.OWN, shows=True)
def capture_a_problem_once_more(world: World) -> Call:
    known = captured(world)
    return Call(body={"title": world.text(), "content": known["content"], "knowledge_type": "error_pattern"})


def one_more(world: World, call: Call) -> None:
    captured(world)


@recipe("GET knowledge", foreign=Foreign.EMPTY, shows=True, grows=one_more)
def knowledge_list(world: World) -> Call:
    captured(world)
    captured(world)
    return Call(query={"limit": 1, "knowledge_type": "error_pattern", "verified": "false", "text": world.marker})


@recipe("POST knowledge/search", foreign=Foreign.EMPTY, shows=True, grows=one_more)
def search(world: World) -> Call:
    captured(world)
    return Call(body={"query": world.text(), "mode": "keyword", "limit": 100})


@recipe("POST knowledge/match", foreign=Foreign.EMPTY, shows=True)
def match(world: World) -> Call:
    return Call(body={"message": captured(world)["content"]["error"]})


@recipe("POST knowledge/feedback")
def feedback(world: World) -> Call:
    [solution] = captured(world)["solutions"]
    error = new_error(world)
    about = {"solution_id": Id(solution["id"]), "error_id": Id(error["id"])}
    return Call(body=about | {"worked": True, "note": world.text()})


@recipe("GET knowledge/{knowledge_id}", shows=True)
def get(world: World) -> Call:
    return Call(path={"knowledge_id": new_knowledge(world)})


@recipe("GET knowledge/{knowledge_id}", shows=True)
def get_a_users(world: World) -> Call:
    row = new_knowledge(world, private=True, user_id=world.user)
    return Call(path={"knowledge_id": row}, query={"user_id": world.user})


@recipe("PATCH knowledge/{knowledge_id}")
def change(world: World) -> Call:
    return Call(
        path={"knowledge_id": new_knowledge(world)},
        body={"title": world.text(), "reason": world.text()},
        headers={"If-Match": '"1"'},
    )


@recipe("DELETE knowledge/{knowledge_id}")
def archive(world: World) -> Call:
    return Call(path={"knowledge_id": new_knowledge(world)})


def one_more_version(world: World, call: Call) -> None:
    world.post(f"knowledge/{call.path['knowledge_id']}/solutions", text=f"{world.text()} {next(_numbers)}")


@recipe("GET knowledge/{knowledge_id}/versions", shows=True, grows=one_more_version)
def versions(world: World) -> Call:
    return Call(path={"knowledge_id": new_knowledge(world)}, query={"limit": 1})


@recipe("POST knowledge/{knowledge_id}/solutions")
def add_solution(world: World) -> Call:
    return Call(path={"knowledge_id": new_knowledge(world)}, body={"text": world.text()})


@recipe("POST knowledge/{knowledge_id}/restore")
def restore(world: World) -> Call:
    return Call(path={"knowledge_id": new_knowledge(world)}, body={"version": 1, "reason": world.text()})


@recipe("POST knowledge/{knowledge_id}/verify")
def verify(world: World) -> Call:
    return Call(path={"knowledge_id": new_knowledge(world)}, body={"reason": world.text()})


@recipe("POST knowledge/{knowledge_id}/merge")
def merge(world: World) -> Call:
    return Call(path={"knowledge_id": new_knowledge(world)}, body={"drop_id": new_knowledge(world)})


@recipe("POST knowledge/{knowledge_id}/supersede")
def supersede(world: World) -> Call:
    return Call(path={"knowledge_id": new_knowledge(world)}, body={"by_id": new_knowledge(world)})


@recipe("POST errors", foreign=Foreign.OWN)
def capture_an_error(world: World) -> Call:
    return Call(body={"message": another_error(world), "context": {"task": world.text()}})


@recipe("POST errors", foreign=Foreign.OWN)
def capture_a_known_error(world: World) -> Call:
    return Call(body={"message": captured(world)["content"]["error"], "error_type": "PoolError"})


def one_more_error(world: World, call: Call) -> None:
    new_error(world)


@recipe("GET errors", foreign=Foreign.EMPTY, shows=True, grows=one_more_error)
def error_list(world: World) -> Call:
    new_error(world)
    new_error(world)
    return Call(query={"limit": 1, "error_type": "PoolError", "agent_id": world.agent})


@recipe("GET errors/{error_id}", shows=True)
def get_error(world: World) -> Call:
    return Call(path={"error_id": Id(new_error(world)["id"])})
