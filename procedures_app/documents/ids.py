"""Ids of steps: given by the author, or kept from the version before, or made from the title."""

from __future__ import annotations

from typing import Any

from procedures_app.documents import names

#: Titles at least this alike name the same step.
LIKE = 0.6
MOST_STEPS = 100
#: Titles are compared up to this length.
COMPARED = 100


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
    """Which title is which step of ``over``: the most alike first, then the nearest. Deterministic."""
    known = [(n, step["id"], pairs_of(step["title"])) for n, step in enumerate(over["steps"] if over else ())]
    wanted = [(place, pairs_of(title)) for place, title in enumerate(titles)]
    candidates = sorted(
        (-likeness(said, there), abs(place - n), place, n, step_id)
        for place, said in wanted
        for n, step_id, there in known
        if step_id not in taken
    )
    found: dict[int, str] = {}
    for minus, _, place, _, step_id in candidates:
        if -minus >= LIKE and place not in found and step_id not in found.values():
            found[place] = step_id
    return found


def pairs_of(title: str) -> frozenset[str]:
    """The pairs of neighboring characters, with the ends of the text counted as characters."""
    text = f" {' '.join(title.casefold().split())[:COMPARED]} "
    return frozenset(text[n : n + 2] for n in range(len(text) - 1))


def likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """Dice's coefficient: what both have, of what they have on average. 0 to 1."""
    return 2 * len(one & other) / (len(one) + len(other))


def new_id(title: str, index: int, taken: set[str]) -> str:
    wanted = names.step_slug(title) or f"step-{index + 1}"
    found, number = wanted, 1
    while found in taken:
        number += 1
        found = f"{wanted[: names.LONGEST_STEP - 4].strip('-')}-{number}"
    return found
