"""Procedures, their drafts and versions."""

from __future__ import annotations

from typing import Any

from tests.contract.calls import Call, Id
from tests.contract.recipes import Foreign, recipe
from tests.contract.world import World

STEPS = [{"title": "Run the tests", "evidence": [{"name": "ok", "type": "boolean"}]}, {"title": "Deploy"}]
ANY = {"If-Match": '"1"'}


def said(world: World, **fields: Any) -> dict[str, Any]:
    return {"title": world.text(), "summary": world.text(), "steps": STEPS, "tags": ["deploy"]} | fields


def new_draft(world: World, **fields: Any) -> Id:
    name = world.name("procedure")
    world.post("procedures", name=name, document=said(world, **fields))
    return name


def publish(world: World, name: Id, seen: int = 0) -> None:
    world.post(f"procedures/{name}/publish", revision=1, note=world.text(), based_on_seen=seen)


def new_procedure(world: World) -> Id:
    name = new_draft(world, kind="deployment")
    publish(world, name)
    return name


def draft_over(world: World, name: Id, seen: int = 1, **fields: Any) -> None:
    call = Call(path={"name": name}, body={"document": said(world, **fields)}, headers={"If-Match": '"0"'})
    world.made("PUT", "procedures/{name}/draft", call)


def about(name: Id, **body: Any) -> Call:
    return Call(path={"name": name}, body=body)


def one_more_procedure(world: World, call: Call) -> None:
    new_procedure(world)


@recipe("GET procedures", foreign=Foreign.EMPTY, shows=True, grows=one_more_procedure)
def listed(world: World) -> Call:
    new_draft(world)
    for _ in range(2):
        new_procedure(world)
    return Call(query={"limit": 1, "kind": "deployment", "status": "active", "tag": "deploy", "text": "note"})


@recipe("POST procedures", foreign=Foreign.OWN)
def make(world: World) -> Call:
    return Call(body={"name": world.name("procedure"), "document": said(world)})


@recipe("GET procedures/{name}", shows=True)
def read(world: World) -> Call:
    return Call(path={"name": new_procedure(world)})


@recipe("GET procedures/{name}/draft", shows=True)
def draft(world: World) -> Call:
    return Call(path={"name": new_draft(world)})


@recipe("PUT procedures/{name}/draft")
def save_draft(world: World) -> Call:
    name = new_draft(world)
    return Call(path={"name": name}, body={"document": said(world, title=world.text("other"))}, headers=ANY)


@recipe("DELETE procedures/{name}/draft")
def discard(world: World) -> Call:
    return Call(path={"name": new_draft(world)}, headers=ANY)


@recipe("POST procedures/{name}/draft/rebase")
def rebase(world: World) -> Call:
    name = new_procedure(world)
    draft_over(world, name, title=world.text("other"))
    return Call(path={"name": name}, body={"choices": {}, "preview": False}, headers=ANY)


@recipe("POST procedures/{name}/draft/rebase", shows=True)
def rebase_shown(world: World) -> Call:
    name = new_procedure(world)
    draft_over(world, name)
    return Call(path={"name": name}, body={"preview": True}, headers=ANY)


@recipe("POST procedures/{name}/publish", shows=True)
def publish_draft(world: World) -> Call:
    return about(new_draft(world), revision=1, note=world.text(), based_on_seen=None)


@recipe("POST procedures/{name}/retire")
def retire(world: World) -> Call:
    return about(new_procedure(world), reason=world.text())


@recipe("POST procedures/{name}/activate")
def activate(world: World) -> Call:
    name = new_procedure(world)
    world.post(f"procedures/{name}/retire")
    return about(name, reason=world.text())


def one_more_version(world: World, call: Call) -> None:
    name = Id(call.path["name"])
    newest = world.get(f"procedures/{name}")["version"]
    draft_over(world, name)
    publish(world, name, newest)


@recipe("GET procedures/{name}/versions", shows=True, grows=one_more_version)
def versions(world: World) -> Call:
    name = new_procedure(world)
    draft_over(world, name)
    publish(world, name, 1)
    return Call(path={"name": name}, query={"limit": 1})


@recipe("GET procedures/{name}/versions/{number}", shows=True)
def version(world: World) -> Call:
    return Call(path={"name": new_procedure(world), "number": "1"})


@recipe("GET procedures/{name}/diff", shows=True)
def diff(world: World) -> Call:
    name = new_procedure(world)
    draft_over(world, name, title=world.text("other"))
    return Call(path={"name": name}, query={"from": "1", "to": "draft"})


@recipe("GET procedures/{name}/export", shows=True)
def export(world: World) -> Call:
    return Call(path={"name": new_procedure(world)}, query={"format": "markdown", "version": "1"})


@recipe("POST procedures/import", foreign=Foreign.OWN)
def import_list(world: World) -> Call:
    return Call(body={"name": world.name("procedure"), "format": "list", "text": f"1. {world.text()}", "revision": 0})


@recipe("POST procedures/parse", foreign=Foreign.OWN, shows=True)
def parse(world: World) -> Call:
    return Call(body={"name": new_procedure(world), "text": f"1. {world.text()}\n2. Deploy"})
