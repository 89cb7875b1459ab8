"""An operation: memory is consulted when it begins, and learns from it when it ends."""

from __future__ import annotations

import inspect
import math
import re
import time
from collections.abc import Callable, Coroutine
from contextvars import Token
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar, cast

from memoryhub_client import consultation
from memoryhub_client.coordinator import without_none
from memoryhub_client.errors import HubError

if TYPE_CHECKING:
    from memoryhub_client.client import MemoryClient

P = ParamSpec("P")
R = TypeVar("R")
Json = dict[str, Any]
LONGEST_MESSAGE = 60_000
#: Answers to a body that is not valid, or too large.
UNFIT = (400, 413)


class Operation:
    """One piece of work, as a context manager (``with`` or ``async with``).

    Entering begins it: ``guidance`` is what memory says (``confidence``, ``primary_recommendation``, ``similar_work``,
    ``known_solutions``, ``warnings``). Leaving finishes it with ``result``; an exception is captured with
    ``context``, makes it a failure, and goes on. Calls of any client within it carry its consultation token.
    """

    def __init__(self, client: MemoryClient, task: str, *, kind: str | None = None, **about: Any) -> None:
        self.client = client
        self.asked = without_none({"task": task, "kind": kind, **about})
        self.id = self.token = ""
        self.guidance: Json = {}
        self.result: Any = None
        self.finished: Json | None = None
        self._began: float | None = None
        self._outer: Token[str | None] | None = None

    @property
    def confidence(self) -> float:
        return float(self.guidance.get("confidence", 0.0))

    @property
    def recommendation(self) -> Json | None:
        """``type``, ``name``, ``title``, ``why`` of what memory recommends to do; None where it knows nothing."""
        found: Json | None = self.guidance.get("primary_recommendation")
        return found

    def begin(self) -> Self:
        answer = self.client.call("POST", "/memory/operations/begin", self.asked)
        self.id, self.token = str(answer["operation_id"]), str(answer["consultation_token"])
        self.guidance = answer["guidance"]
        self._began = time.monotonic()
        return self

    def finish(self, *, success: bool = True, error: BaseException | Json | None = None, **more: Any) -> Json:
        """Ends it. ``more``: ``solution_worked`` says whether the recommended solution helped. Repeating is safe."""
        said = {
            "consultation_token": self.token,
            "success": success,
            "result": as_json(self.result),
            "error": described(error) if isinstance(error, BaseException) else error,
            "duration_ms": None if self._began is None else round((time.monotonic() - self._began) * 1000),
        }
        self.finished = self._tell(without_none(said | more))
        return self.finished

    def _tell(self, said: Json) -> Json:
        """The work is done, whatever its result looks like: one that the hub does not take is left out."""
        try:
            return self.client.call("POST", "/memory/operations/finish", said)
        except HubError as refused:
            if refused.status not in UNFIT or "result" not in said:
                raise
        return self.client.call("POST", "/memory/operations/finish", without_none(said | {"result": None}))

    def __enter__(self) -> Self:
        self.begin()
        self._outer = consultation.current.set(self.token)
        return self

    def __exit__(self, kind: object, problem: BaseException | None, trace: object) -> None:
        if self._outer is not None:
            consultation.current.reset(self._outer)
        if self.finished is None:
            self.finish(success=problem is None, error=problem)

    async def __aenter__(self) -> Self:
        await in_thread(self.begin)
        self._outer = consultation.current.set(self.token)
        return self

    async def __aexit__(self, kind: object, problem: BaseException | None, trace: object) -> None:
        if self._outer is not None:
            consultation.current.reset(self._outer)
        if self.finished is None:
            await in_thread(lambda: self.finish(success=problem is None, error=problem))


async def in_thread(call: Callable[[], R]) -> R:
    import asyncio  # only who works with coroutines pays for it

    return await asyncio.to_thread(call)


def described(problem: BaseException) -> Json:
    return {"message": clean(f"{type(problem).__name__}: {problem}")[:LONGEST_MESSAGE], "type": type(problem).__name__}


def clean(text: str) -> str:
    """Without what JSON or the hub cannot hold: NUL and lone surrogates."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def consulted(
    client: MemoryClient, task: str = "", *, kind: str | None = None, **about: Any
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Makes a function, or a coroutine function, an operation each time that it is called.

    ``task`` may name its arguments: ``"Deploy {version}"``; left out, it is the function's name in words. What the
    function returns is the operation's result, where it is JSON.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        def begun(*args: P.args, **kwargs: P.kwargs) -> Operation:
            named = inspect.signature(function).bind(*args, **kwargs)
            named.apply_defaults()
            said = task.format(**named.arguments) if task else in_words(function.__name__)
            return Operation(client, said, kind=kind, **about)

        @wraps(function)
        def plain(*args: P.args, **kwargs: P.kwargs) -> R:
            with begun(*args, **kwargs) as operation:
                made = function(*args, **kwargs)
                operation.result = as_json(made)
                return made

        @wraps(function)
        async def waiting(*args: P.args, **kwargs: P.kwargs) -> Any:
            async with begun(*args, **kwargs) as operation:
                made = await cast(Coroutine[Any, Any, Any], function(*args, **kwargs))
                operation.result = as_json(made)
                return made

        return cast(Callable[P, R], waiting) if inspect.iscoroutinefunction(function) else plain

    return decorate


def in_words(name: str) -> str:
    return re.sub(r"_+", " ", name).strip().capitalize()


def as_json(value: Any) -> Any:
    """The value where the hub can hold it as JSON; else how it shows itself."""
    if isinstance(value, str):
        return clean(value)
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, dict):
        return {clean(str(name)): as_json(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    return clean(repr(value))
