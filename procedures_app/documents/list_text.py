"""A numbered list in plain English becomes steps, by rules that are the same every time.

Each numbered line is a step. What is indented below it is its instruction, or evidence where it says so. A step that
asks a person for approval is a confirmation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sized
from dataclasses import dataclass, field
from typing import Any

from procedures_app.documents import ids, names
from procedures_app.documents.problems import DocumentInvalid

LONGEST_LINE = 20_000
LONGEST_TITLE, LONGEST_SENTENCE, LONGEST_ASKED, LONGEST_EVIDENCE = 80, 120, 500, 1_000
HEADING = re.compile(r"#{1,6}[ \t]+(\S.*)")
NUMBERED = re.compile(r"([ \t]*)(?:step[ \t]+)?\d{1,3}[.):][ \t]+(\S.*)", re.IGNORECASE)
BULLET = re.compile(r"([ \t]*)[-*•+][ \t]+(\S.*)")
BOLD = re.compile(r"(?:\*\*|__)(.+?)(?:\*\*|__)[ \t]*[:.–—-]?[ \t]*(.*)")
SENTENCE = re.compile(r"(.+?[.!?:;])[ \t]+(.+)")

PERSON = (
    r"(?:persons?|people|humans?|somebody|someone|managers?|leads?|owners?|reviewers?|staff|supervisors?|operators?|"
    r"administrators?|admins?|approvers?|stakeholders?|colleagues?|maintainers?)"
)
CONSENT = r"(?:approv\w*|confirm\w*|permission|sign(?:ed|s)?[- ]?off|go[- ]ahead|consent|agree\w*)"
#: Within a sentence.
SOMEWHERE = r"\b[^.!?]*\b"
ASKS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b(?:ask|wait|get|obtain|request|require|seek){SOMEWHERE}{CONSENT}\b",
        rf"\b(?:ask|wait for|have|let)\b(?: [\w-]+){{0,3}} {PERSON}\b",
        rf"\b{CONSENT}{SOMEWHERE}(?:by|with|from|of) (?:[\w-]+ ){{0,3}}{PERSON}\b",
        rf"\b{PERSON}{SOMEWHERE}(?:approves?|confirms?|signs? off|agrees?|decides?)\b",
    )
)
NOT_ASKED = re.compile(r"\b(?:do not|don't|never|no need to|without)\b", re.IGNORECASE)

EVIDENCE = re.compile(
    r"(?:evidence|proof|hand in|submit|record|report|note|note down|write down|attach|provide)"
    r"[ \t:]+(?:the[ \t]+|an?[ \t]+)?(\S.*)",
    re.IGNORECASE,
)
NAMED = re.compile(r"`([a-z][a-z0-9_]*)`[ \t]*(?:\((\w+)\))?[ \t]*[:–—-]?[ \t]*(.*)")
OPTIONAL = re.compile(r"[ \t]*\(?\boptional(?:ly)?\b\)?[ \t]*", re.IGNORECASE)
TYPES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("boolean", re.compile(r"(?:whether|that|if)\b", re.IGNORECASE)),
    ("url", re.compile(r".*\b(?:link|url|web address)\b", re.IGNORECASE)),
    ("number", re.compile(r"(?:number|count|amount|percentage|how many)\b", re.IGNORECASE)),
)
WORDS_IN_NAME = 5


@dataclass
class Item:
    """One step as it stands in the list: its line, what follows it, and the bullets below."""

    text: str
    more: list[str] = field(default_factory=list)


def load(text: str) -> dict[str, Any]:
    """The document as data; whoever reads it gives the steps their ids."""
    plain = text.split("\n")
    if longest := next((n for n, line in enumerate(plain, 1) if len(line) > LONGEST_LINE), 0):
        raise DocumentInvalid([(f"line {longest}", f"This line has more than {LONGEST_LINE} characters.")])
    lines = [line.expandtabs(4).rstrip() for line in plain]
    start = first_item(lines)
    said = head(lines[: start[0]])
    return said | {"steps": [step_of(item) for item in items(lines[start[0] :], start[1])]}


def first_item(lines: list[str]) -> tuple[int, Callable[[str], re.Match[str] | None]]:
    """Where the list begins, and what begins a step: a number, or a bullet where numbers stand only below bullets."""
    numbers, bullets = places(lines, NUMBERED), places(lines, BULLET)
    if bullets and (not numbers or (min(bullets)[0] < min(numbers)[0] and bullets[0][1] < numbers[0][1])):
        return bullets[0][1], BULLET.fullmatch
    return (numbers[0][1] if numbers else len(lines)), NUMBERED.fullmatch


def places(lines: list[str], pattern: re.Pattern[str]) -> list[tuple[int, int]]:
    """Indentation and number of each line that fits."""
    return [(len(found[1]), n) for n, line in enumerate(lines) if (found := pattern.fullmatch(line))]


def head(lines: list[str]) -> dict[str, Any]:
    """The title is the first line, or the first heading; the rest says what the procedure is for."""
    title, summary = "", []
    for line in lines:
        found = HEADING.fullmatch(line)
        if not title and line.strip():
            title = (found[1] if found else line.strip()).rstrip(":")
        elif not (found and found[1].strip(": ").casefold() == "steps"):
            summary.append(line)
    text = "\n".join(summary).strip()
    if len(title) > LONGEST_SENTENCE:
        title, text = "", f"{title}\n{text}".strip()
    return {name: value for name, value in (("title", title), ("summary", text)) if value}


def items(lines: list[str], begins: Callable[[str], re.Match[str] | None]) -> list[Item]:
    found: list[Item] = []
    outermost = min((len(match[1]) for line in lines if (match := begins(line))), default=0)
    for line in lines:
        match = begins(line)
        if match and len(match[1]) <= outermost + 1:
            found.append(Item(match[2]))
            refuse_too_many(found)
        elif found:
            found[-1].more.append(line)
    return found


def refuse_too_many(found: Sized) -> None:
    if len(found) > ids.MOST_STEPS:
        raise DocumentInvalid([("steps", f"At most {ids.MOST_STEPS} of them.")])


def step_of(item: Item) -> dict[str, Any]:
    title, rest = title_and_rest(item.text)
    instruction, evidence = details(item.more)
    step: dict[str, Any] = {"title": title}
    if asks_a_person(item.text):
        step["kind"] = "confirmation"
    if text := "\n".join(part for part in (rest, instruction) if part):
        step["instruction"] = text
    if evidence:
        step["evidence"] = with_own_names(evidence)
    return step


def title_and_rest(text: str) -> tuple[str, str]:
    if bold := BOLD.fullmatch(text):
        return bold[1].strip(" .:"), bold[2]
    if len(text) <= LONGEST_TITLE:
        return text.rstrip(".:; "), ""
    sentence = SENTENCE.fullmatch(text)
    if sentence and len(sentence[1]) <= LONGEST_SENTENCE:
        return sentence[1].rstrip(".:; "), sentence[2]
    return text[:LONGEST_TITLE].rsplit(" ", 1)[0].rstrip(",.:; "), text


def asks_a_person(text: str) -> bool:
    said = text[:LONGEST_ASKED]
    return not NOT_ASKED.search(said) and any(pattern.search(said) for pattern in ASKS)


def details(lines: list[str]) -> tuple[str, list[dict[str, Any]]]:
    """The instruction and the evidence among the lines below a step."""
    margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    kept: list[str] = []
    evidence: list[dict[str, Any]] = []
    for line in lines:
        bullet = BULLET.fullmatch(line) or NUMBERED.fullmatch(line)
        wanted = EVIDENCE.fullmatch(bullet[2] if bullet else line.strip())
        if wanted and len(line) <= LONGEST_EVIDENCE and (bullet or line.strip().casefold().startswith("evidence")):
            evidence.append(field_of(wanted[1]))
        else:
            kept.append(line[margin:])
    return "\n".join(kept).strip("\n").rstrip(), evidence


def field_of(text: str) -> dict[str, Any]:
    optional = OPTIONAL.search(text)
    said = OPTIONAL.sub(" ", text).strip(" .") if optional else text.rstrip(" .")
    found = {"required": False} if optional else {}
    if named := NAMED.fullmatch(said):
        kind = named[2] if named[2] in ("text", "number", "boolean", "url", "json") else type_of(named[3])
        return {"name": named[1], "type": kind, "description": named[3], **found}
    return described(said) | found


def described(said: str) -> dict[str, Any]:
    kind = type_of(said)
    about = re.sub(r"^(?:whether|that|if)\s+(?:(?:all|the|every)\s+)*", "", said, flags=re.IGNORECASE)
    words = re.split(r"[,;:(]", about)[0].split()[:WORDS_IN_NAME]
    field_said = {"name": names.field_slug(" ".join(words)), "type": kind, "description": said}
    # "that the tests passed" is no question: it has to be so
    return field_said | ({"must_be": True} if said.casefold().startswith("that ") else {})


def type_of(text: str) -> str:
    return next((kind for kind, pattern in TYPES if pattern.match(text)), "text")


def with_own_names(evidence: list[dict[str, Any]]) -> list[dict[str, Any]]:
    taken: set[str] = set()
    for one in evidence:
        wanted, number = one["name"], 1
        while one["name"] in taken:
            number += 1
            one["name"] = f"{wanted[: names.LONGEST_FIELD - 4]}_{number}"
        taken.add(one["name"])
    return evidence


def over(data: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """A list that was read again, with ids in its steps: what a list cannot say stays as it was ``before``."""
    steps = {step["id"]: step for step in before["steps"]}
    kept = {name: value for name, value in before.items() if name != "steps" and not data.get(name)}
    return data | kept | {"steps": [step_over(step, steps.get(step["id"])) for step in data["steps"]]}


def step_over(step: dict[str, Any], before: dict[str, Any] | None) -> dict[str, Any]:
    if before is None:
        return step
    if step.get("kind", before["kind"]) == before["kind"]:
        return before | step
    configured = ("request", "action", "procedure", "inputs")
    return {name: value for name, value in before.items() if name not in configured} | step
