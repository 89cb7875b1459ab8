"""Whether the steps of a document make sense, each by its kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from procedures_app.calls import hosts
from procedures_app.calls.secrets import refusal
from procedures_app.calls.sending import HEADER_NAME, OWN_HEADERS
from procedures_app.documents import placeholders
from procedures_app.documents.problems import Level, Problem
from procedures_app.documents.scopes import Scope

Step = Mapping[str, Any]
#: Whom any memory action may speak about.
NAMING = ("user_id", "session_id")
#: What each memory action has to be given, and what it may be given beside that.
ACTION_NEEDS: dict[str, tuple[str, ...]] = {
    "store": ("key", "value"),
    "retrieve": ("key",),
    "search": ("query",),
    "capture_knowledge": ("title", "content"),
}
ACTION_KNOWS: dict[str, tuple[str, ...]] = {
    "store": ("scope", "layer", "category", "tags", "importance", "memory_type", "metadata", "priority"),
    "retrieve": ("scope",),
    "search": ("mode", "limit", "kinds"),
    "capture_knowledge": ("knowledge_type", "tags", "importance", "solution", "error"),
}


@dataclass(frozen=True, slots=True)
class Calls:
    """Which hosts may be called, with which secrets (the hosts of each), and whether others are an error already."""

    allowed_hosts: Sequence[str]
    secrets: Mapping[str, Sequence[str]]
    publishing: bool

    @property
    def level(self) -> Level:
        return "error" if self.publishing else "warning"


def step_problems(step: Step, path: str, everything: Scope, index: int, calls: Calls) -> Iterator[Problem]:
    if not step["title"]:
        yield Problem(f"{path}.title", "Give the step a title.")
    yield from action_problems(step, path, everything.before(index), calls)
    yield from confirmed_problems(step, path)
    yield from failure_problems(step, path)
    if step["rollback"]:
        yield from rollback_problems(step["rollback"], f"{path}.rollback", everything.through(index), calls)


def confirmed_problems(step: Step, path: str) -> Iterator[Problem]:
    """The hub itself makes a call: there is no agent who could confirm anything before it."""
    if step["kind"] != "http":
        return
    if step["agents"]:
        yield Problem(f"{path}.agents", "HTTP calls are made by the hub; agents do not apply.")
    for n, precondition in enumerate(step["preconditions"]):
        if not precondition["check"]:
            yield Problem(f"{path}.preconditions[{n}].check", "Nobody confirms it here: the hub makes the call itself.")


def failure_problems(step: Step, path: str) -> Iterator[Problem]:
    if step["on_failure"] == "retry" and step["max_attempts"] == 1:
        message = "It says retry, but one attempt is all there is. Allow more."
        yield Problem(f"{path}.max_attempts", message, "warning")
    if step["on_failure"] != "retry" and step["max_attempts"] > 1:
        message = "Only a step whose policy is retry is attempted again."
        yield Problem(f"{path}.max_attempts", message, "warning")


def rollback_problems(rollback: Step, path: str, scope: Scope, calls: Calls) -> Iterator[Problem]:
    if not rollback["title"]:
        yield Problem(f"{path}.title", "Say what undoes the step.")
    yield from action_problems(rollback, path, scope, calls)


def action_problems(step: Step, path: str, scope: Scope, calls: Calls) -> Iterator[Problem]:
    """What step and roll-back have in common."""
    yield from placeholder_problems(step["instruction"], f"{path}.instruction", scope)
    match step["kind"]:
        case "http":
            yield from request_problems(step.get("request"), f"{path}.request", scope, calls)
        case "memory":
            yield from memory_problems(step.get("action"), f"{path}.action", scope)
        case "procedure":
            for name, value in (step.get("inputs") or {}).items():
                yield from placeholder_problems(value, f"{path}.inputs.{name}", scope)


def request_problems(request: Step | None, path: str, scope: Scope, calls: Calls) -> Iterator[Problem]:
    if not request or not request["url"]:
        yield Problem(f"{path}.url", "Say which address is called.")
        return
    yield from host_problems(request["url"], path, calls)
    for key in ("url", "body"):
        yield from placeholder_problems(request[key], f"{path}.{key}", scope)
    for name, value in request["headers"].items():
        if not HEADER_NAME.fullmatch(name) or name.lower() in OWN_HEADERS or "\n" in value:
            yield Problem(f"{path}.headers.{name}", "This header cannot be set by a step.")
        yield from placeholder_problems(value, f"{path}.headers.{name}", scope, secrets=True)
        yield from secret_problems(value, f"{path}.headers.{name}", request["url"], calls)
    for name, pointer in request["save"].items():
        if pointer and not pointer.startswith("/"):
            yield Problem(f"{path}.save.{name}", "Write a JSON pointer such as /status, or nothing for all of it.")


def host_problems(url: str, path: str, calls: Calls) -> Iterator[Problem]:
    if "{" in url.partition("://")[2].partition("/")[0]:
        yield Problem(f"{path}.url", "Placeholders come after the host: a value must not lead to another one.")
        return
    sample = placeholders.PLACEHOLDER.sub("x", url)
    try:
        hosts.allowed(sample, calls.allowed_hosts)
    except ValueError as error:
        yield Problem(f"{path}.url", f"This is not an address: {error}.")
    except hosts.CallRefused as error:
        yield Problem(f"{path}.url", str(error), calls.level if is_address(sample) else "error")


def secret_problems(value: str, path: str, url: str, calls: Calls) -> Iterator[Problem]:
    """A secret that may not go where the request goes, or that is none of this tenant's."""
    named = placeholders.SECRET_PLACEHOLDER.findall(value)
    if not named or not is_address(sample := placeholders.PLACEHOLDER.sub("x", url)):
        return
    wanted = hosts.place(urlsplit(sample), sample)
    for name in dict.fromkeys(named):
        if refused := refusal(name, calls.secrets, wanted):
            yield Problem(path, refused, calls.level)


def is_address(url: str) -> bool:
    """Whether only the list of hosts can speak against it."""
    try:
        hosts.allowed(url, [url.partition("/")[0] + "//" + urlsplit(url).netloc])
    except (hosts.CallRefused, ValueError):
        return False
    return True


def memory_problems(action: Step | None, path: str, scope: Scope) -> Iterator[Problem]:
    if not action:
        yield Problem(f"{path}.do", f"Say what is done with memory: {', '.join(ACTION_NEEDS)}.")
        return
    given, do = action["with"], action["do"]
    known = (*ACTION_NEEDS[do], *ACTION_KNOWS[do], *NAMING)
    for name in ACTION_NEEDS[do]:
        if given.get(name) in (None, ""):
            yield Problem(f"{path}.with.{name}", f"{do} needs {name}.")
    for name in given:
        if name not in known:
            yield Problem(f"{path}.with.{name}", f"{do} knows no {name}. It knows: {', '.join(known)}.")
    for name, value in given.items():
        yield from placeholder_problems(value, f"{path}.with.{name}", scope)


def placeholder_problems(value: Any, path: str, scope: Scope, *, secrets: bool = False) -> Iterator[Problem]:
    for found in placeholders.found_in(value):
        if placeholders.SECRET.fullmatch(found):
            if not secrets:
                yield Problem(path, f"{{{{{found}}}}} may stand in the headers of a request alone.")
        elif wrong := scope.lacks(found):
            yield Problem(path, wrong)
