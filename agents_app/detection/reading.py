"""A short text as tokens: stems of words, and numbers, times, dates and amounts by their value."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from agents_app.detection import lexicon

#: Longer texts are compared by their beginning.
MOST_TOKENS = 120
ENDINGS = ("ations", "ation", "ingly", "ments", "ment", "edly", "ing", "ies", "ers", "ed", "es", "er", "ly", "s")
SHORTEST_STEM = 3
MONTH_NAMES = "|".join(f"{name}|{name[:3]}" for name in lexicon.MONTHS)
UNIT_NAMES = "|".join(sorted(map(re.escape, (u for u in lexicon.UNITS if u not in "$€£")), key=len, reverse=True))
PATTERN = re.compile(
    rf"""
    (?P<address>https?://\S+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+)
  | (?P<isodate>(?P<iy>\d{{4}})-(?P<im>\d\d)-(?P<id>\d\d)(?:[t ]\d\d:\d\d\S*)?)
  | (?P<clock>\b(?P<ch>\d{{1,2}}):(?P<cm>\d\d)(?!\d)(?:\s*(?P<cp>am|pm)\b)?(?:\s*(?:utc|cet|gmt)\b)?
      |\b(?P<bh>\d{{1,2}})\s*(?P<bp>am|pm)\b(?:\s*utc\b)?)
  | (?P<monthyear>\b(?P<ym>{MONTH_NAMES})\b\.?\s+(?P<yy>(?:19|20)\d\d)\b)
  | (?P<monthday>\b(?P<mm>{MONTH_NAMES})\b\.?\s+(?P<md>\d{{1,2}})(?:st|nd|rd|th)?\b(?!\d|:))
  | (?P<daymonth>\b(?P<dd>\d{{1,2}})\.?\s+(?P<dm>{MONTH_NAMES})\b)
  | (?P<size>\b(?P<sx>\d{{3,5}})\s*x\s*(?P<sy>\d{{3,5}})\b)
  | (?P<money>[$€£]\s?(?P<mv>\d[\d,]*(?:\.\d+)?))
  | (?P<code>\b(?=[\w.-]*[a-z])(?=[\w.-]*\d)(?!\d+(?:\.\d+)?(?:{UNIT_NAMES})\b)[a-z0-9]+(?:[_.-][a-z0-9]+)*)
  | (?P<version>\b\d+(?:\.\d+){{2,}}(?![\w]))
  | (?P<amount>(?<![\w.])(?P<av>\d[\d,]*(?:\.\d+)?)(?:\s*(?P<au>%|°\s?c|(?:{UNIT_NAMES})\b))?)
  | (?P<word>[^\W\d_]+(?:['’][^\W\d_]+)?)
  | (?P<colon>[:=])
    """,
    re.VERBOSE,
)
SHORT_FORMS = (
    (re.compile(r"\b(can|do|does|did|is|are|was|were|has|have|must|should|would|could|need)n['’]t\b"), r"\1 not"),
    (re.compile(r"\bwon['’]t\b"), "will not"),
    (re.compile(r"\bcan['’]?t\s+stand\b|\bcannot\s+stand\b|\bcan not\s+stand\b"), "hates"),
    (re.compile(r"\bcan['’]t\b"), "can not"),
    (re.compile(r"\bmulti-?\s?factor authentication\b"), "mfa"),
    (re.compile(r"\be-mails?\b"), "email"),
    (re.compile(r"\bat most\b"), "maximum"),
    (re.compile(r"\bat least\b"), "minimum"),
    (re.compile(r"\b(?:every|each)\s+(hour|day|night|week|month|quarter|year)\b"), lambda m: lexicon.FREQUENCIES[m[1]]),
    (
        re.compile(r"\bonce\s+(?:a|an|per|every)\s+(hour|day|night|week|month|quarter|year)\b"),
        lambda m: lexicon.FREQUENCIES[m[1]],
    ),
    (re.compile(r"\bby hand\b"), "manually"),
    (re.compile(rf"\b({'|'.join(lexicon.NUMBERS)})\b"), lambda m: str(lexicon.NUMBERS[m[1]])),
    (re.compile(r"\b(\w+)-free\b"), r"no \1"),
    (re.compile(r"(?<=\w)['’]s\b"), ""),
    (re.compile(r"\b(?:turn|turns|turned|switch|switches|switched) on\b"), "enabled"),
    (re.compile(r"\b(?:(?:turn|turns|turned|switch|switches|switched) )?off\b"), "disabled"),
    (re.compile(r"\brather than\b|\binstead of\b"), "over"),
    # "blue-green" is two words, "eu-west-1" one name
    (re.compile(r"\b[^\W\d]+(?:[-_/][^\W\d]+)+\b(?![-_.]?\d)"), lambda m: re.sub(r"[-_/]", " ", m[0])),
)


@dataclass(frozen=True, slots=True)
class Token:
    """``kind``: word, name, code, number, clock, date, month, weekday, year, frequency, or ``amount:<what>``.

    ``value`` is the stem or canonical word, or the number that amounts, dates and times are compared by.
    ``place`` is the number of the token in its text.
    """

    text: str
    kind: str
    value: str | float
    place: int
    stop: bool = False

    @property
    def typed(self) -> bool:
        """Whether another value of the same kind is another fact, whatever the words around it."""
        return self.kind not in ("word", "name")


@dataclass(frozen=True, slots=True)
class Statement:
    """``negations`` counts its negating words. ``single``/``many``: it says what has one value or several;
    XX"""

    text: str
    tokens: tuple[Token, ...]
    negations: int
    single: bool
    many: bool
    event: bool
    verb: int
    listing: bool
    pivot: int | None

    @property
    def content(self) -> tuple[Token, ...]:
        return tuple(token for token in self.tokens if not token.stop)


def read(text: str) -> Statement:
    """The same text always gives the same statement."""
    raw = list(scan(text))
    tokens = tuple(token for token in raw if token.kind not in ("negation", "colon"))
    plain = [token.text for token in tokens]
    colon = next((token.place for token in raw if token.kind == "colon"), None)
    return Statement(
        text=text,
        tokens=tokens,
        negations=sum(token.kind == "negation" for token in raw),
        single=colon is not None or any(word in lexicon.SINGLE_CUES for word in plain),
        many=any(word in lexicon.MANY_CUES for word in plain),
        event=any(word in lexicon.EVENT_VERBS for word in plain) or any(is_past(t, plain) for t in tokens),
        verb=verb_place(raw, colon),
        listing=text.count(",") > 0 and colon is not None,
        pivot=next((token.place for token in tokens if token.text in ("over", "than")), None),
    )


def is_past(token: Token, plain: list[str]) -> bool:
    """A past tense, and no participle after a form of "to be"."""
    if token.kind != "word" or not token.text.endswith("ed") or token.place == 0:
        return False
    before = set(plain[: token.place]) & {"is", "are", "be", "been", "must", "has", "have", "gets"}
    return not before


def verb_place(raw: list[Token], colon: int | None) -> int:
    if colon is not None:
        return colon
    for token in raw:
        known = token.text in lexicon.SINGLE_CUES | lexicon.MANY_CUES | lexicon.EVENT_VERBS
        if token.kind == "negation" or (token.kind == "word" and (known or token.text in VERBS)):
            return token.place
    return 0


VERBS = lexicon.words(
    "is are was were has have had do does did will must should may can cannot go goes take takes use uses run "
    "runs need needs want wants keep keeps get gets leads plays maintains stays likes starts ends works lives "
    "costs drinks eats prefers contains shows reads affects covers writes serves handles owns sends gives asks "
    "pays stays sits stands closes opens moves"
)


def scan(text: str) -> Iterator[Token]:
    original = text
    lowered = text.lower()
    for pattern, replacement in SHORT_FORMS:
        lowered = pattern.sub(replacement, lowered)
    capitals = {word.lower() for word in re.findall(r"(?<=[\w,:;)] )(?!I\b)[A-Z]\w*|^[A-Z]\w+(?=['’]s)", original)}
    for place, found in enumerate(PATTERN.finditer(lowered)):
        if place >= MOST_TOKENS:
            return
        yield token_of(found, place, capitals)


def token_of(found: re.Match[str], place: int, capitals: set[str]) -> Token:
    part = next(name for name in GROUPS if found[name] is not None)
    text = found[part]
    if part in MADE:
        return MADE[part](found, text, place, capitals)
    return Token(text, "colon" if part == "colon" else "code", text, place)


GROUPS = (
    "address", "isodate", "clock", "monthyear", "monthday", "daymonth", "size", "money", "code", "version", "amount",
    "word", "colon",
)  # fmt: skip


def size_token(found: re.Match[str], text: str, place: int, capitals: set[str]) -> Token:
    return Token(text, "code", f"{found['sx']}x{found['sy']}", place)


def money_token(found: re.Match[str], text: str, place: int, capitals: set[str]) -> Token:
    return Token(text, f"amount:{lexicon.UNITS[text[0]][0]}", number(found["mv"]), place)


def month_token(found: re.Match[str], text: str, place: int, capitals: set[str]) -> Token:
    return Token(text, "month", float(int(found["yy"]) * 12 + month_number(found["ym"])), place)


def date_token(found: re.Match[str], text: str, place: int, capitals: set[str]) -> Token:
    """Month and day; the year is left out, because most short memories do."""
    if found["iy"]:
        return Token(text, "date", float(int(found["im"]) * 100 + int(found["id"])), place)
    month, day = (found["mm"], found["md"]) if found["mm"] else (found["dm"], found["dd"])
    return Token(text, "date", float(month_number(month) * 100 + int(day)), place)


def word_token(found: re.Match[str], text: str, place: int, capitals: set[str]) -> Token:
    if text in lexicon.NEGATIONS:
        return Token(text, "negation", "not", place)
    single = text.removesuffix("s")
    if single in lexicon.WEEKDAYS:
        return Token(text, "weekday", lexicon.WEEKDAYS.index(single), place)
    if text in lexicon.MONTHS and (text not in AMBIGUOUS or text in capitals):
        return Token(text, "month", float(month_number(text)), place)
    if text in lexicon.ORDINALS:
        return Token(text, "number", float(lexicon.ORDINALS[text]), place)
    kind = "frequency" if text in lexicon.FREQUENCIES.values() else "name"
    if kind == "frequency" or (text in capitals and text not in COMMON):
        return Token(text, kind, text, place)
    return Token(text, "word", stem(text), place, stop=text in lexicon.STOP)


def amount_token(found: re.Match[str], text: str, place: int, capitals: set[str]) -> Token:
    value, unit = number(found["av"]), (found["au"] or "").replace(" ", "")
    if unit in lexicon.UNITS:
        what, factor = lexicon.UNITS[unit]
        return Token(text, f"amount:{what}", value * factor, place)
    if 1900 <= value <= 2100 and "," not in text and value == int(value):
        return Token(text, "year", value, place)
    return Token(text, "number", value, place)


def clock_token(found: re.Match[str], text: str, place: int, capitals: set[str]) -> Token:
    hour, minute = int(found["ch"] or found["bh"]), int(found["cm"] or 0)
    half = found["cp"] or found["bp"]
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    return Token(text, "clock", float(hour * 60 + minute), place)


def month_number(name: str) -> int:
    """1 for January."""
    return [month[:3] for month in lexicon.MONTHS].index(name[:3]) + 1


MADE: dict[str, Callable[[re.Match[str], str, int, set[str]], Token]] = {
    "word": word_token,
    "amount": amount_token,
    "clock": clock_token,
    "size": size_token,
    "money": money_token,
    "monthyear": month_token,
    "isodate": date_token,
    "monthday": date_token,
    "daymonth": date_token,
}


def number(text: str) -> float:
    return float(text.replace(",", ""))


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """The canonical word of its group of synonyms, else the word without its ending."""
    if word in CANONICAL:
        return CANONICAL[word]
    for ending in ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= SHORTEST_STEM and not word.endswith(("ss", "us")):
            base = word[: -len(ending)]
            if ending == "ies":
                base += "y"
            return CANONICAL.get(base, base.rstrip("e") if len(base) > SHORTEST_STEM else base)
    return word.rstrip("e") if len(word) > SHORTEST_STEM + 1 else word


CANONICAL: dict[str, str] = {}
for _group in lexicon.SYNONYMS:
    _first = next((CANONICAL[word] for word in _group.split() if word in CANONICAL), _group.split()[0])
    for _word in _group.split():
        CANONICAL.setdefault(_word, _first)
#: Months that are words, too, unless they are written with a capital.
AMBIGUOUS = frozenset({"may", "march"})
COMMON = frozenset(CANONICAL) | lexicon.STOP
OPPOSITES = frozenset(frozenset({stem(a), stem(b)}) for a, b in (pair.split() for pair in lexicon.OPPOSITES))


def opposite(a: Token, b: Token) -> bool:
    """Whether two words cannot both hold: listed, or one is the other with a negating prefix."""
    if a.kind != "word" or b.kind != "word":
        return False
    if frozenset({str(a.value), str(b.value)}) in OPPOSITES and a.value != b.value:
        return True
    short, long = sorted((a.text, b.text), key=len)
    return any(stem(long) == stem(prefix + short) and long.startswith(prefix) for prefix in lexicon.NEGATING_PREFIXES)
