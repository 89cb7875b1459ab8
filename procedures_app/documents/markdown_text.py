"""Procedures as Markdown: headings and prose for people, a block of YAML under each for the rest.

::

    # Ship it

    When a service is shipped.

    ```yaml procedure
    kind: deployment
    ```

    ## 1. Run the tests

    All of them.

    ```yaml step
    evidence: …
    ```
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from agents_app.resolution.equality import equal
from procedures_app.documents import ids, yaml_text
from procedures_app.documents.problems import DocumentInvalid

TITLE = re.compile(r"#[ \t]+(\S.*)")
STEP = re.compile(r"#{2,4}[ \t]+(?:step[ \t]+)?\d{1,3}[ \t]*[.):](.*)", re.IGNORECASE)
FENCE = re.compile(r" {0,3}(`{3,}|~{3,})([^`]*)")
LIST_OF_STEPS = re.compile(r"#{2,4}[ \t]+steps:?[ \t]*", re.IGNORECASE)
HEAD_BLOCK, STEP_BLOCK = "yaml procedure", "yaml step"


@dataclass
class Section:
    """The head, or one step: ``title`` from its heading, ``prose`` below it, ``said`` in its block of YAML."""

    title: str = ""
    prose: list[str] = field(default_factory=list)
    said: dict[str, Any] = field(default_factory=dict)


@dataclass
class Block:
    """A fenced block that is open: ``settings`` where it is one of ours."""

    fence: str
    settings: bool
    lines: list[str] = field(default_factory=list)

    def ends_with(self, line: str) -> bool:
        found = FENCE.fullmatch(line)
        return bool(found and found[1].startswith(self.fence) and not found[2].strip())


def load(text: str) -> dict[str, Any]:
    """The document as data. Raises DocumentInvalid."""
    head, *steps = sections(text.split("\n"))
    found = joined(head, "summary")
    if steps:
        found["steps"] = [joined(step, "instruction") for step in steps]
    return found


def has_steps(text: str) -> bool:
    return any(True for _ in islice(sections(text.split("\n")), 1, None))


def sections(lines: Iterable[str]) -> Iterator[Section]:
    section, block, wanted, count = Section(), None, HEAD_BLOCK, 0
    for line in lines:
        if block:
            block = inside(block, line, section)
        elif found := STEP.fullmatch(line):
            yield section
            count += 1
            if count > ids.MOST_STEPS:
                raise DocumentInvalid([("steps", f"At most {ids.MOST_STEPS} of them.")])
            section, wanted = Section(found[1].strip()), STEP_BLOCK
        elif found := FENCE.fullmatch(line):
            block = Block(found[1], settings=found[2].strip() == wanted and not section.said)
            section.prose += [] if block.settings else [line]
        elif wanted == HEAD_BLOCK and not section.title and blank(section.prose) and (title := TITLE.fullmatch(line)):
            section.title = title[1].rstrip()
        elif not LIST_OF_STEPS.fullmatch(line):
            section.prose.append(line)
    if block and block.settings:
        raise DocumentInvalid([("", f"The block of '{wanted}' is not closed. End it with {block.fence}.")])
    yield section


def inside(block: Block, line: str, section: Section) -> Block | None:
    """The block after one more line; None where that ends it."""
    ended = block.ends_with(line)
    if not block.settings:
        section.prose.append(line)
    elif ended:
        section.said = settings(block.lines)
    else:
        block.lines.append(line)
    return None if ended else block


def settings(lines: list[str]) -> dict[str, Any]:
    data = yaml_text.load("\n".join([*lines, ""]))
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise DocumentInvalid([("", "A block of YAML has keys and values, such as kind: deployment.")])
    return data


def blank(lines: list[str]) -> bool:
    return not any(line.strip() for line in lines)


def joined(section: Section, prose_name: str) -> dict[str, Any]:
    prose = "\n".join(section.prose).strip("\n").rstrip()
    found: dict[str, Any] = {}
    for name, text in (("title", section.title), (prose_name, prose)):
        if text and section.said.get(name):
            message = f"The {name} stands in the text and in the block of YAML. Keep one of them."
            raise DocumentInvalid([(name, message)])
        if text:
            found[name] = text
    return {**section.said, **found}


def dump(data: dict[str, Any], *, dense: bool = False) -> str:
    """The Markdown of a compact document. Text that would not be read as it is goes into the block of YAML."""
    head = {name: value for name, value in data.items() if name != "steps"}
    parts = [written(head, "summary", HEAD_BLOCK, "# ", dense=dense)]
    for number, step in enumerate(data.get("steps", ()), 1):
        parts.append(written(step, "instruction", STEP_BLOCK, f"## {number}. ", dense=dense))
    return "\n".join(parts)


def written(said: dict[str, Any], prose_name: str, info: str, heading: str, *, dense: bool) -> str:
    for in_text in (("title", prose_name), ("title",), ()):
        text = section_text(said, in_text, info, heading, dense=dense)
        if reads_back(text, said, prose_name, info):
            return text
    return section_text(said, (), info, heading, dense=dense)


def section_text(said: dict[str, Any], in_text: tuple[str, ...], info: str, heading: str, *, dense: bool) -> str:
    title, *prose = (said.get(name, "") for name in in_text or ("",))
    rest = {name: value for name, value in said.items() if name not in in_text}
    lines = [f"{heading}{title}".rstrip(), ""] if title or info == STEP_BLOCK else []
    lines += [*prose, ""] if any(prose) else []
    return "\n".join([*lines, *block_lines(rest, info, dense=dense)]) + "\n"


def block_lines(rest: dict[str, Any], info: str, *, dense: bool) -> list[str]:
    text = yaml_text.dump(rest, dense=dense).rstrip("\n") if rest else "{}"
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{info}", *text.split("\n"), fence]


def reads_back(text: str, said: dict[str, Any], prose_name: str, info: str) -> bool:
    """Whether this section, among others, gives back what it says."""
    try:
        before, *found = sections([*([] if info == HEAD_BLOCK else [""]), *text.split("\n")])
        [only] = [before] if info == HEAD_BLOCK else found
        return equal(joined(only, prose_name), {name: value for name, value in said.items() if value != ""})
    except (DocumentInvalid, ValueError):
        return False
