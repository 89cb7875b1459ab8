"""A draft whose base is no longer the newest version: its changes and those that were published, put together.

Steps are told apart by their id, fields by their name, so that what one side changed meets only the same thing of
the other side. What both changed differently is a clash, and somebody chooses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from agents_app.resolution.merging import PathMerge, merge_offers
from memoryhub.registry.diffs import MISSING
from procedures_app.documents import reading
from procedures_app.documents.problems import DocumentInvalid, Problem
from procedures_app.documents.reading import Document
from procedures_app.documents.shapes import CONFIG_OF, config_keys

Choice = str | Mapping[str, Any]
#: What may be chosen, as it is called here and in merging.
CHOICES = {"published": "current", "draft": "candidate:1", "base": "base", "both": "both"}
ORDER, ITEMS = "order", "items"


@dataclass(frozen=True, slots=True)
class MergedPath:
    """One place that somebody changed. ``base``, ``published``, ``draft`` and ``result`` may be MISSING.

    ``side`` says whose change stands in the result: ``both`` where both fit together or are the same; None for a clash
    that nobody decided, where the published value stands. ``options`` are what may be chosen.
    """

    pointer: str
    label: str
    kind: Literal["one_sided", "auto", "clash"]
    side: Literal["published", "draft", "both", "chosen"] | None
    base: Any
    published: Any
    draft: Any
    result: Any
    note: str
    options: tuple[str, ...]
    choice: Any = None


@dataclass(frozen=True, slots=True)
class ThreeWay:
    """``document`` is the result; ``open`` counts clashes without a choice; ``errors`` are choices that do not work."""

    document: Document
    paths: list[MergedPath]
    open: int
    errors: list[Problem]

    @property
    def clashes(self) -> list[MergedPath]:
        return [path for path in self.paths if path.kind == "clash"]


def three_way(
    base: Document, published: Document, draft: Document, choices: Mapping[str, Choice] | None = None
) -> ThreeWay:
    """The draft's changes since ``base`` on top of ``published``.

    ``choices`` by pointer: ``published``, ``draft``, ``base``, ``both`` (where offered), or ``{"value": …}``.
    """
    picks = {pointer: as_pick(choice) for pointer, choice in (choices or {}).items()}
    known, mine, theirs = (keyed(one) for one in (base, published, draft))
    merged = merge_offers(mine, [(known, theirs)], choices=picks)
    paths = [told(path, published, draft) for path in merged.paths if path.kind != "same" or path.choice is not None]
    errors = [Problem(one.pointer, in_our_words(one.message)) for one in merged.errors]
    document, problems = rebuilt(merged.value)
    return ThreeWay(document or published, paths, merged.clashes, [*errors, *problems])


def as_pick(choice: Choice) -> Choice:
    return CHOICES.get(choice, choice) if isinstance(choice, str) else choice


def keyed(document: Document) -> dict[str, Any]:
    """The same with lists whose members are told apart by a key as ``{"order": [keys], "items": {key: member}}``."""
    steps = [step | {"evidence": by_key(step["evidence"], "name")} for step in document["steps"]]
    return document | {"inputs": by_key(document["inputs"], "name"), "steps": by_key(steps, "id")}


def by_key(members: list[dict[str, Any]], key: str) -> Any:
    items = {one[key]: one for one in members}
    # a draft may have a name twice; then the list is merged as a whole
    return {ORDER: list(items), ITEMS: items} if len(items) == len(members) else members


def unkeyed(value: Any) -> Any:
    """The document again; choices may have put anything anywhere, which reading it will tell."""
    document = dict(value)
    for name in ("inputs", "steps"):
        document[name] = in_order(document.get(name, []))
    if isinstance(document["steps"], list):
        document["steps"] = [unkeyed_step(step) for step in document["steps"]]
    return document


def unkeyed_step(step: Any) -> Any:
    """With its evidence as a list, and without keys of a kind that it no longer is."""
    if not isinstance(step, dict):
        return step
    others = {key for keys in CONFIG_OF.values() for key in keys} - set(config_keys(str(step.get("kind"))))
    kept = {name: one for name, one in step.items() if name not in others}
    return kept | ({"evidence": in_order(kept["evidence"])} if "evidence" in kept else {})


def in_order(node: Any) -> Any:
    """The members in their order. One that a choice brought back although its place was given up comes last."""
    if not isinstance(node, dict) or not isinstance(node.get(ITEMS, {}), dict):
        return node
    items, order = node.get(ITEMS, {}), node.get(ORDER, [])
    places = [key for key in order if isinstance(key, str) and key in items] if isinstance(order, list) else []
    return [items[key] for key in dict.fromkeys([*places, *items])]


def rebuilt(value: Any) -> tuple[Document | None, list[Problem]]:
    """The result as a document; what was chosen may not fit together (a kind from here, a request from there)."""
    try:
        return reading.read(unkeyed(value)), []
    except DocumentInvalid as error:
        return None, [Problem(path, message) for path, message in error.errors]


def told(path: PathMerge, published: Document, draft: Document) -> MergedPath:
    names = {ours: ours_name for ours_name, ours in CHOICES.items()}
    kind: Literal["one_sided", "auto", "clash"] = "auto" if path.kind == "same" else path.kind
    return MergedPath(
        pointer=path.pointer,
        label=label_of(path.pointer, published, draft),
        kind=kind,
        side=side_of(path),
        base=path.base,
        published=path.current,
        draft=path.incoming,
        result=path.result,
        note=path.note,
        options=tuple(names[one] for one in path.options),
        choice=names.get(path.choice, path.choice) if isinstance(path.choice, str) else path.choice,
    )


def side_of(path: PathMerge) -> Literal["published", "draft", "both", "chosen"] | None:
    if path.choice is not None:
        return "chosen"
    if path.kind == "clash":
        return None
    if path.kind == "one_sided":
        return "published" if path.incoming == path.base or path.incoming is MISSING is path.base else "draft"
    return "both"


def label_of(pointer: str, published: Document, draft: Document) -> str:
    """Where that is, in words: ``Step “Run the tests”: evidence ok: type``."""
    parts = [one.replace("~1", "/").replace("~0", "~") for one in pointer.strip("/").split("/")]
    words: list[str] = []
    while parts:
        name, *parts = parts
        if parts[:1] == [ITEMS] and len(parts) > 1:
            words.append(item_label(name, parts[1], published, draft))
            parts = parts[2:]
        elif parts == [ORDER]:
            words.append(f"order of {name}")
            parts = []
        else:
            words.append(name.replace("_", " "))
    return ": ".join(words)


def item_label(name: str, key: str, published: Document, draft: Document) -> str:
    if name != "steps":
        return f"{name.removesuffix('s')} {key}"
    title = next((one["title"] for side in (published, draft) for one in side["steps"] if one["id"] == key), key)
    return f"Step “{title or key}”"


def in_our_words(message: str) -> str:
    for ours, theirs in CHOICES.items():
        message = message.replace(theirs, ours) if theirs != ours else message
    return message


def clash_errors(merged: ThreeWay) -> Sequence[tuple[str, str]]:
    """What prevents the merge from being taken over."""
    undecided = [path for path in merged.clashes if path.choice is None]
    return [
        *((one.path, one.message) for one in merged.errors),
        *((one.pointer, f"{one.label} was changed on both sides. Choose published or draft.") for one in undecided),
    ]
