"""One request to an OpenAI-compatible ``POST {url}/embeddings``, and what its answer is worth.

Sent: ``{"model", "input": [texts], "dimensions"?}``. Expected: ``{"data": [{"index", "embedding"}]}`` in any
order, an embedding being a list of numbers or base64 of little-endian float32.
"""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np

from memoryhub import __version__
from memoryhub.config_sections import RemoteEmbeddings
from memoryhub.sync.connections import Answer, Pool, retry_after

from .base import ModelNotReady

if TYPE_CHECKING:
    from .base import Vector

SHOWN_CHARACTERS, MOST_READ = 200, 1000
#: A number of an embedding takes at most this much of an answer, and other fields some more.
BYTES_PER_NUMBER, BYTES_BESIDE = 40, 64 * 1024
#: Nothing that goes on by itself: somebody must correct the configuration, or an account.
GOVERNED_PAUSE = 60.0
#: Statuses by which an endpoint says that it does not like what it was asked.
REFUSALS = (400, 413, 422)
PASSING = (408, 425, 429)


class EndpointFailed(ModelNotReady):
    """The embedding endpoint gave no usable answer."""

    # Its text goes to logs and to whoever asks for the hub's health, so nothing of an answer enters it: an endpoint
    # may quote what it was asked, which is other people's memories. ``said`` is for those who may read all of them.

    code = "embedding_endpoint_failed"

    def __init__(self, message: str, *, retry_in: float | None = None, passing: bool = False, said: str = "") -> None:
        super().__init__(message, retry_in=retry_in)
        self.said = said
        #: whether trying again at once may help
        self.passing = passing


class TextRefused(Exception):
    """The endpoint takes texts, but not these. ``said``: the beginning of its answer, which may quote them."""

    def __init__(self, message: str, *, said: str = "") -> None:
        super().__init__(message)
        self.said = said


class Endpoint:
    """Knows the address, the key and what a right answer looks like. May be used by several threads."""

    def __init__(self, settings: RemoteEmbeddings) -> None:
        url = urlsplit(settings.url)
        self.settings = settings
        self.host = url.netloc
        self.path = url.path.rstrip("/") + "/embeddings" + (f"?{url.query}" if url.query else "")
        self.pool = Pool(url, most_idle=settings.connections)

    def fetch(self, texts: Sequence[str], *, connect_seconds: float, answer_seconds: float) -> list[Vector]:
        """A vector of length 1 for each text, in order. Raises EndpointFailed or TextRefused."""
        try:
            answer = self.pool.post(
                self.path,
                self._body(texts),
                self._headers(),
                connect_seconds=connect_seconds,
                answer_seconds=answer_seconds,
                most_bytes=BYTES_BESIDE + BYTES_PER_NUMBER * self.settings.dimension * len(texts),
            )
        except TimeoutError as error:
            raise EndpointFailed(f"{self.host} did not answer within {answer_seconds:g} s.") from error
        except (OSError, http.client.HTTPException) as error:
            # what http.client says of a broken answer may quote it
            words = str(error) if isinstance(error, OSError) else ""
            what = f"{type(error).__name__}: {words}".rstrip(": ")
            raise EndpointFailed(f"{self.host} gave no answer ({what}).", passing=True) from error
        if 200 <= answer.status < 300:
            return self._vectors(answer.body, len(texts))
        raise self._refusal(answer)

    def _body(self, texts: Sequence[str]) -> bytes:
        body: dict[str, Any] = {"model": self.settings.model, "input": [as_input(text) for text in texts]}
        if self.settings.shorten:
            body["dimensions"] = self.settings.dimension
        return json.dumps(body).encode()

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "User-Agent": f"MemoryHub/{__version__}"}
        key = self.settings.api_key
        return headers | ({"Authorization": f"Bearer {key.get_secret_value()}"} if key else {})

    def _refusal(self, answer: Answer) -> Exception:
        status = described(answer.status)
        if answer.status in (401, 403):
            # its text is not shown: it may quote the key
            return EndpointFailed(
                f"{self.host} refuses the key ({status}): check MEMORYHUB_SEARCH__REMOTE__API_KEY.",
                retry_in=GOVERNED_PAUSE,
            )
        if answer.status in REFUSALS:
            return TextRefused(f"{self.host} answered {status}.", said=self._said(answer.body))
        if answer.status in PASSING or answer.status >= 500:
            wait, said = retry_after(answer.headers), self._said(answer.body)
            return EndpointFailed(f"{self.host} answered {status}.", retry_in=wait, passing=True, said=said)
        return EndpointFailed(
            f"{self.host} answered {status} at {self.path}: check search.remote.url and search.remote.model.",
            retry_in=GOVERNED_PAUSE,
        )

    def _said(self, body: bytes) -> str:
        text = " ".join(body.decode(errors="replace").split())
        key = self.settings.api_key
        return (text.replace(key.get_secret_value(), "…") if key else text)[:SHOWN_CHARACTERS]

    def _vectors(self, body: bytes, count: int) -> list[Vector]:
        try:
            rows = json.loads(body)["data"]
            by_index = {int(row.get("index", place)): row["embedding"] for place, row in enumerate(rows)}
            found = [numbers(by_index[place]) for place in range(count)]
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
            # not "from": what Python says of a wrong answer quotes it
            raise EndpointFailed(
                f"{self.host} did not answer with an embedding for each text.", said=self._said(body[:MOST_READ])
            ) from None
        return [self._checked(vector) for vector in found]

    def _checked(self, vector: Any) -> Vector:
        wanted = self.settings.dimension
        if vector.shape != (wanted,):
            raise EndpointFailed(
                f"{self.host} answered with vectors of {vector.size} numbers, but search.remote.dimension is {wanted}: "
                "correct the setting, or name another model.",
                retry_in=GOVERNED_PAUSE,
            )
        with np.errstate(over="ignore"):
            norm = float(np.linalg.norm(vector))
        if not np.isfinite(norm) or norm == 0:
            raise EndpointFailed(
                f"{self.host} answered with a vector that has no direction (zeros, or numbers that are none)."
            )
        unit: Vector = (vector / norm).astype(np.float32)
        return unit


def described(status: int) -> str:
    """With the words of the standard: an endpoint may say anything in their place."""
    return f"{status} {http.client.responses.get(status, '')}".strip()


def as_input(text: str) -> str:
    """Blank texts are refused by many endpoints, and half of a surrogate pair is no JSON for most."""
    return text.encode("utf-8", "replace").decode() if text.strip() else "."


def numbers(value: object) -> Any:
    """float64 of a list of numbers, or of base64. Raises ValueError or TypeError."""
    if isinstance(value, str):
        return np.frombuffer(base64.b64decode(value, validate=True), dtype="<f4").astype(np.float64)
    return np.asarray(value, dtype=np.float64)
