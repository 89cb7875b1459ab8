"""Regular expressions whose matching takes time linear in the text, whatever pattern and text are.

Evidence is written by agents, and a backtracking matcher can be kept busy for ever. So a pattern becomes a
nondeterministic automaton whose states are followed all at once (Thompson: Regular Expression Search Algorithm,
1968). Python's syntax, without back-references, look-around, flags and boundaries; a pattern fits the whole text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

LONGEST_TEXT, MOST_STATES, DEEPEST = 300, 200, 20
ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|[dDsSwWntrfv]|[^a-zA-Z0-9])")
SET = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
TIMES = re.compile(r"\{(\d{1,4})(?:(,)(\d{0,4}))?\}")
SPECIAL = "()[]{}|*+?\\^$."


class PatternRefused(ValueError):
    """The pattern is not one that can be used, and why."""


@dataclass(slots=True)
class State:
    """``character`` is what has to come next (None: nothing); ``to`` are the states after that."""

    character: re.Pattern[str] | None = None
    to: list[State] = field(default_factory=list)


def fits(pattern: str, text: str) -> bool:
    """Whether the pattern matches the whole text, which has at most ``LONGEST_TEXT`` characters."""
    if len(text) > LONGEST_TEXT:
        return False
    start, end = automaton(pattern)
    current = reached([start])
    for character in text:
        current = reached([state.to[0] for state in current if matches(state, character)])
        if not current:
            return False
    return any(state is end for state in current)


def matches(state: State, character: str) -> bool:
    return state.character is not None and state.character.fullmatch(character) is not None


def reached(states: list[State]) -> list[State]:
    """The states and all that follow from them without a character."""
    found: dict[int, State] = {}
    waiting = list(states)
    while waiting:
        state = waiting.pop()
        if id(state) not in found:
            found[id(state)] = state
            if state.character is None:
                waiting += state.to
    return list(found.values())


@lru_cache(maxsize=200)
def automaton(pattern: str) -> tuple[State, State]:
    """Its first and its last state. Raises PatternRefused."""
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise PatternRefused(f"This is no regular expression: {error}.") from error
    maker = Maker(pattern)
    found = maker.choice(0)
    if maker.at < len(pattern):
        raise maker.refused()
    return found


def steps(pattern: str, text: str) -> int:
    """At most so many steps it takes to match the text: its characters times the states. Raises PatternRefused."""
    if len(text) > LONGEST_TEXT:
        return 0
    found: dict[int, State] = {}
    waiting = [automaton(pattern)[0]]
    while waiting:
        state = waiting.pop()
        if id(state) not in found:
            found[id(state)] = state
            waiting += state.to
    return len(found) * len(text)


class Maker:
    """Reads a pattern from left to right. Each method gives the first and the last state of its part."""

    def __init__(self, pattern: str) -> None:
        self.pattern, self.at, self.states = pattern, 0, 0

    def refused(self) -> PatternRefused:
        return PatternRefused(
            f"'{self.pattern[self.at : self.at + 4]}' (character {self.at + 1}) is not supported. Use characters, "
            "sets, groups, | and repetitions; no look-around, back-references, lazy repetitions or boundaries."
        )

    def state(self, character: re.Pattern[str] | None = None) -> State:
        self.states += 1
        if self.states > MOST_STATES:
            raise PatternRefused("This pattern is too large. Repeat less, or shorten it.")
        return State(character)

    def next_is(self, text: str) -> bool:
        return self.pattern.startswith(text, self.at)

    def choice(self, depth: int) -> tuple[State, State]:
        if depth > DEEPEST:
            raise PatternRefused("Groups are nested too deeply.")
        first, last = self.state(), self.state()
        while True:
            begin, end = self.sequence(depth)
            first.to.append(begin)
            end.to.append(last)
            if not self.next_is("|"):
                return first, last
            self.at += 1

    def sequence(self, depth: int) -> tuple[State, State]:
        first = last = self.state()
        while self.at < len(self.pattern) and self.pattern[self.at] not in "|)":
            # the whole text is matched, so that these say nothing new at its ends
            if (self.next_is("^") and self.at == 0) or (self.next_is("$") and self.at == len(self.pattern) - 1):
                self.at += 1
                continue
            begin, end = self.repeated(depth)
            last.to.append(begin)
            last = end
        return first, last

    def repeated(self, depth: int) -> tuple[State, State]:
        start = self.at
        part = self.atom(depth)
        after = self.at
        least, most = self.times()
        if (least, most) == (1, 1):
            return part
        end = self.at
        if self.at < len(self.pattern) and self.pattern[self.at] in "?+*":
            raise self.refused()
        if most == 0:
            nothing = self.state()
            return nothing, nothing
        copies = self.copies(part, start, after, depth, max(least, most or 0, 1))
        self.at = end
        return self.chained(copies, least, endless=most is None)

    def copies(
        self, part: tuple[State, State], start: int, after: int, depth: int, count: int
    ) -> list[tuple[State, State]]:
        """As many automatons of one part; each is read anew from its place."""
        found = [part]
        for _ in range(count - 1):
            self.at = start
            found.append(self.atom(depth))
        self.at = after
        return found

    def chained(self, copies: list[tuple[State, State]], least: int, *, endless: bool) -> tuple[State, State]:
        first, last = self.state(), self.state()
        place = first
        for number, (begin, end) in enumerate(copies):
            if number >= least:
                place.to.append(last)
            place.to.append(begin)
            place = end
        place.to.append(last)
        if endless:
            joint = self.state()
            copies[-1][1].to.append(joint)
            joint.to.append(copies[-1][0])
        return first, last

    def times(self) -> tuple[int, int | None]:
        """How often the part before comes: at least, and at most (None: without end)."""
        sign = self.pattern[self.at : self.at + 1]
        if sign and sign in "*+?":
            self.at += 1
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[sign]
        found = TIMES.match(self.pattern, self.at)
        if not found:
            return 1, 1
        self.at = found.end()
        least = int(found[1])
        if not found[2]:
            return least, least
        return least, int(found[3]) if found[3] else None

    def atom(self, depth: int) -> tuple[State, State]:
        if self.next_is("("):
            return self.group(depth)
        if found := SET.match(self.pattern, self.at):
            return self.one(found.group())
        if found := ESCAPE.match(self.pattern, self.at):
            return self.one(found.group())
        character = self.pattern[self.at]
        if character == ".":
            return self.one(".")
        if character in SPECIAL:
            raise self.refused()
        return self.one(character, plain=True)

    def group(self, depth: int) -> tuple[State, State]:
        if self.next_is("(?") and not self.next_is("(?:"):
            raise self.refused()
        self.at += 3 if self.next_is("(?:") else 1
        found = self.choice(depth + 1)
        self.at += 1
        return found

    def one(self, text: str, *, plain: bool = False) -> tuple[State, State]:
        self.at += len(text)
        last = self.state()
        first = self.state(re.compile(re.escape(text) if plain else text))
        first.to.append(last)
        return first, last
