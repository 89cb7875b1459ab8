"""Ids of steps: given by the author, or kept from the version before, or made from the title."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import Any

from procedures_app.documents import names

#: Titles at least this alike name the same step (ratio of matching characters, 0 to 1).
LIKE = 0.6
#: Titles are compared up to this length: comparing takes quadratic time.
MOST_STEPS, COMPARED = 100, 60


def with_ids(data: dict[str, Any], over: dict[str, Any] | None) -> dict[str, Any]:
    """The document with an id in every step; ``data`` as it is where its shape is not that of a document."""
    steps = data.get("steps")
    if not isinstance(steps, list) or len(steps) > MOST_STEPS or not all(isinstance(step, dict) for step in steps):
        return data
    taken = {step["id"] for step in steps if isinstance(step.get("id"), str)}
    nameless = [n for n, step in enumerate(steps) if step.get("id") is None]
    kept = same_steps([title_of(steps[n]) for n in nameless], over, taken)
    chosen: dict[int, str] = {}
    for place, n in enumerate(nameless):
        chosen[n] = kept.get(place) or new_id(title_of(steps[n]), n, taken | set(kept.values()))
        taken.add(chosen[n])
    return data | {"steps": [{"id": chosen[n], **without_id(s)} if n in chosen else s for n, s in enumerate(steps)]}


def without_id(step: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in step.items() if key != "id"}


def title_of(step: dict[str, Any]) -> str:
    title = step.get("title")
    return title if isinstance(title, str) else ""


def same_steps(titles: list[str], over: dict[str, Any] | None, taken: set[str]) -> dict[int, str]:
    """Which title is which step of ``over``: the most alike first, then in order. Deterministic."""
    known = [(n, step) for n, step in enumerate(over["steps"] if over else ()) if step["id"] not in taken]
    pairs = [
        (-likeness(title, step["title"]), abs(place - n), place, n, step["id"])
        for place, title in enumerate(titles)
        for n, step in known
    ]
    found: dict[int, str] = {}
    for minus, _, place, _, step_id in sorted(pairs):
        if -minus >= LIKE and place not in found and step_id not in found.values():
            found[place] = step_id
    return found


def likeness(one: str, other: str) -> float:
    first, second = (" ".join(text.casefold().split())[:COMPARED] for text in (one, other))
    if first == second:
        return 1.0
    matcher = SequenceMatcher(None, first, second, autojunk=False)
    return matcher.ratio() if matcher.quick_ratio() >= LIKE else 0.0


def new_id(title: str, index: int, taken: set[str]) -> str:
    wanted = names.step_slug(title) or f"step-{index + 1}"
    found, number = wanted, 1
    while found in taken:
        number += 1
        found = f"{wanted[: names.LONGEST_STEP - 4].strip('-')}-{number}"
    return found
