"""What a reviewer's form says: a strategy, picks by path, values edited by hand, a reason.

Pointers come as JSON texts in the names of fields, since browsers change line ends in names as they are. What
is submitted are the ids of choices; values travel only where somebody typed them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django import forms

from agents_app.models import Strategy
from memoryhub.registry.admin.editing import no_constants, no_twins

PICK, EDIT = "pick:", "edit:"
#: A strategy of the form alone: one side is taken wherever nothing else is picked. ``side:candidate:1``.
SIDE = "side:"
#: The pick of a path whose value was typed.
BY_HAND = "value"
MOST_PICKS = 5_000
SIDES = re.compile(r"side:(current|candidate:[1-9][0-9]?)\Z")


def field_name(prefix: str, pointer: str) -> str:
    return prefix + json.dumps(pointer)


def parsed(text: str) -> Any:
    """A JSON value as it was typed; raises forms.ValidationError, which says where the mistake is."""
    try:
        return json.loads(text, object_pairs_hook=no_twins, parse_constant=no_constants)
    except json.JSONDecodeError as error:
        message = f"Line {error.lineno}, column {error.colno}: {error.msg}. A text needs quotes."
        raise forms.ValidationError(message) from error
    except (RecursionError, ValueError) as error:
        raise forms.ValidationError("This is nested too deeply, or holds a number that is too long.") from error


@dataclass(slots=True)
class Picks:
    """``sides``: the choice id by pointer. ``texts``: what was typed by pointer, also where it is no JSON.

    ``whole`` is the text of the whole value where it is edited as one. ``mistakes`` are by pointer, those of ``whole``
    under None.
    """

    strategy: str = Strategy.MANUAL_REVIEW.value
    pointers: list[str] = field(default_factory=list)
    sides: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    whole: str | None = None
    reason: str = ""
    conflict_version: int = 0
    entry_version: int = 0
    typed: dict[str, Any] = field(default_factory=dict)
    typed_whole: Any = None
    mistakes: dict[str | None, str] = field(default_factory=dict)

    @property
    def side(self) -> str:
        """The side that is taken as a whole, if one is."""
        return self.strategy.removeprefix(SIDE) if self.strategy.startswith(SIDE) else ""

    @property
    def automatic(self) -> bool:
        """Something decides wherever nothing is picked by path."""
        return self.strategy != Strategy.MANUAL_REVIEW

    def choices(self) -> dict[str, Any]:
        """For the services: ``{"/plan": "candidate:1", "/notes": {"value": …}}``; picks with mistakes are left out."""
        found: dict[str, Any] = dict.fromkeys(self.pointers, self.side) if self.side else {}
        for pointer, side in self.sides.items():
            if side != BY_HAND:
                found[pointer] = side
            elif pointer in self.typed:
                found[pointer] = {"value": self.typed[pointer]}
        return found

    def asked(self) -> dict[str, Any]:
        """The arguments that preview and resolve share."""
        by_rule = self.strategy if self.automatic and not self.side else None
        found: dict[str, Any] = {"strategy": by_rule, "choices": self.choices()}
        if self.whole is not None and None not in self.mistakes:
            found["value"] = self.typed_whole
        return found


def of_form(post: Mapping[str, str]) -> Picks:
    """What was submitted. Fields of other shapes are ignored: the services check what is left."""
    found = Picks(
        strategy=known_strategy(post.get("strategy", "")),
        reason=post.get("reason", "").strip(),
        conflict_version=number(post.get("conflict_version", "")),
        entry_version=number(post.get("entry_version", "")),
    )
    for name in list(post)[:MOST_PICKS]:
        pointer = pointer_of(name)
        if pointer is None:
            continue
        found.pointers.append(pointer)
        if post[name]:
            found.sides[pointer] = post[name]
        if field_name(EDIT, pointer) in post:
            read_edit(found, pointer, post[field_name(EDIT, pointer)])
    if post.get("as") == "json":
        read_whole(found, post.get("whole", ""))
    return found


def read_edit(found: Picks, pointer: str, text: str) -> None:
    found.texts[pointer] = text
    if found.sides.get(pointer) != BY_HAND:
        return
    try:
        found.typed[pointer] = parsed(text)
    except forms.ValidationError as error:
        found.mistakes[pointer] = error.messages[0]


def read_whole(found: Picks, text: str) -> None:
    found.whole = text
    try:
        found.typed_whole = parsed(text)
    except forms.ValidationError as error:
        found.mistakes[None] = error.messages[0]


def pointer_of(name: str) -> str | None:
    if not name.startswith(PICK):
        return None
    try:
        pointer = json.loads(name.removeprefix(PICK))
    except ValueError:
        return None
    return pointer if isinstance(pointer, str) else None


def known_strategy(text: str) -> str:
    known = text in Strategy.values or SIDES.match(text)
    return text if known else Strategy.MANUAL_REVIEW.value


def number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
