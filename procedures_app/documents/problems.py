"""What is wrong with a procedure document: where, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from memoryhub.access.exceptions import Invalid

#: More errors help nobody.
MOST_TOLD = 100
Level = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Problem:
    """``path`` is such as ``steps[2].evidence[0].name``; the empty path is the document. Errors prevent publishing."""

    path: str
    message: str
    level: Level = "error"


class DocumentInvalid(Invalid):
    """The procedure cannot be read. See errors for the places."""

    code = "document_invalid"

    def __init__(self, errors: Iterable[tuple[str, str]]) -> None:
        self.errors = list(islice(errors, MOST_TOLD))
        path, message = self.errors[0]
        listed = [{"field": path or "document", "message": message} for path, message in self.errors]
        super().__init__(path or "document", f"{path}: {message}" if path else message, errors=listed)
