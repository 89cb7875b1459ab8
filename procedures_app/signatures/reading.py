"""From an error text as a program printed it to what identifies the problem."""

from __future__ import annotations

import re
from dataclasses import dataclass

from procedures_app.signatures.headline import headline, lines_of, place, told
from procedures_app.signatures.identity import signature
from procedures_app.signatures.lexicon import EMPTY_TYPES, PLACED, TYPE_ENDINGS
from procedures_app.signatures.masking import mask
from procedures_app.signatures.structured import spoken
from procedures_app.signatures.wording import words_of

LONGEST = 65_536  #: characters that are looked at: the first and the last half of this
_MOST_LINES = 1_500
_LONGEST_LINE = 800
_LONGEST_TEMPLATE = 500
_LONGEST_TYPE = 80

_COLORS = re.compile(r"\x1b\[[0-9;?]{0,20}[A-Za-z]")
_OPENING = re.compile(
    r"(?:[{\[( ]{1,4}(?=Error: )|! (?=[A-Z])|\*\* (?=\([A-Z])|Caused by:|--->|"
    r"Uncaught \(in promise\)|Uncaught(?: exception)?|Unhandled (?:exception|rejection)[.:]?|"
    r"UnhandledPromiseRejectionWarning:|Exception in thread \"[^\"]{0,100}\"|PHP (?:Fatal error|Warning|Parse error):|"
    r"(?i:fatal error):|panic: (?:runtime error: )?|(?:nested exception is )|[\w/.$-]{1,80} ERROR:|"
    r"==\d+==\s?ERROR:|terminate called after throwing an instance of|error:|Error:|Exception:"
    r"|error (?=[A-Z]{2,6}\d{3,5}:))\s*"
)
_TYPE = re.compile(
    rf"(?P<name>(?:[\w$]{{1,80}}(?:\.|::|\\))*[A-Z]\w{{0,80}}?(?:{TYPE_ENDINGS})"
    r"|(?:[a-z_]\w{0,60}\.)+[A-Z]\w{1,80}(?=: ))"
    r"(?![\w.])(?P<code> \[[A-Z][A-Z0-9_]+\])?(?:\s?:\s*|\s+-\s+|$|(?=[ (]))"
)
_WRAPPED = re.compile(r"\((?:[\w$]{1,80}(?:\.|::))*(?P<name>[A-Z]\w{0,80})\)\s+")
_RUBY = re.compile(
    r"[^\s:]{1,200}:\d+:in [`'][^'\n]{0,200}':\s+(?P<text>.{0,600}?)\s?\((?P<name>(?:\w+::)*[A-Z]\w+)\)$"
)
_PANIC = re.compile(
    r"thread '[^'\n]{0,80}'(?: \(\d+\))? panicked at (?:'(?P<old>.{0,600})', \S+$|\S+:\s*(?P<new>.{0,600}))"
)
_COMPILER = re.compile(
    r"[^\s:(]{1,200}(?:\(\d+,\d+\)|(?::\d+){1,2})(?::\s+| - )(?:fatal |internal compiler )?(?:error"
    r"|warning)(?:\s(?=[A-Z]+\d))?:?\s*"
    r"|(?:[^\s:(]{1,200}:\s)?(?:[^\s:(]{1,200}:)?(?:\(\.text[^)\s]{0,200}\)"
    r"|[^\s:(]{1,200}:\d+):\s+(?=undefined reference)"
)
_LOGGED = re.compile(r".{0,160}?\b(?:ERROR|FATAL|PANIC):\s+(?=\S)")
_NUMBERED = re.compile(r"\((?P<number>\d{4}), (?P<quote>['\"])(?P<text>.{3,600})(?P=quote)\)$")
_PDO = re.compile(r"(SQLSTATE\[\w{5}\]):? (?:\[\d{3,5}\] )?(?:[A-Z][\w ]{2,60}: (?:\d{1,5} )?)?(?=\S)")
_RAISED = re.compile(r"(?P<text>.{3,600}?)\s\((?P<name>(?:\w+::)*[A-Z]\w*(?:Error|Exception))\)$")
_ASIDE = re.compile(r"\((?!\d{1,5}, )(?P<text>.{3,600}?)\):?$")
_STATE = re.compile(r"SQLSTATE\[?\w{5}\]?")
_TAIL = re.compile(
    r"\s+(?:DETAIL|HINT|CONTEXT|LINE \d+|STATEMENT): |\s\[?\(?(?:SQL|Connection): |\s\{\"|, client: \d"
    r"|\s+Background on this error|\n"
)
#: the message in the answer of a service, as a program prints the whole answer
_ANSWER = re.compile(
    r"(?:['\"](?:message|msg|errmsg|error_description|detail)['\"]:\s{0,3}|\b(?:message|msg|desc)\s?=\s?)(?P<quote>['\"])(?P<text>[^{\[].{8,400}?)(?P=quote)(?=[,;}\s)]|$)"
)
_PHP_PLACE = re.compile(r"\s+in (?:[A-Z]:)?[\\/]\S{1,300}(?: on line |:)\d+$")
_CODE = re.compile(
    r"SQLSTATE[\s:=]{0,3}\[?(?P<state>[0-9A-Z]{5})|\[(?P<bracketed>[A-Z]{1,10}[-_]?\d{2,6})\]"
    r"|\b(?P<upper>[A-Z]{1,10}-?\d{3,6})\b"
    r"|\b(?P<errno>E(?!RROR|XCEPTION|NTITY|LF\b|ND\b|OF\b)[A-Z]{4,}|EPERM|EAI_[A-Z]+|E2BIG|EIO)\b"
    r"|\b(?P<named>(?:ERR|SSL|HPE|CERTIFICATE|CERT|DEPTH|UNABLE|SELF)_[A-Z0-9_]{3,60})\b|\berror\[(?P<rust>\w{2,12})\]"
    r"|ERROR (?P<mysql>\d{4})\b|(?i:exit(?:ed)?(?: with)?)(?i: code| status"
    r"| signal)[\s:=]{0,3}(?P<exit>\d{1,3})\b"
    r"|\b(?i:status(?: code)?[\s:=]{1,3}|http(?:/[\d.]+)? )?(?P<http>[45]\d\d)\b(?! <)"
)


@dataclass(frozen=True)
class ErrorText:
    """An error as it is compared. ``error_type``: the last part of the exception's name, else the code, else empty."""

    error_type: str
    code: str
    template: str
    signature: str
    words: tuple[str, ...]


def read(message: str, *, error_type: str = "") -> ErrorText:
    """What of this text identifies the problem. Any text is read; time is linear in its length."""
    lines = lines_of(_cut(message))
    where = headline(lines)
    named, rest = _typed(told(lines, where)[:_LONGEST_LINE])
    template = mask(rest)[:_LONGEST_TEMPLATE]
    if (not words_of(template) or rest == named) and (not named or named in PLACED):
        template = f"{template} {place(lines, where)}".strip()
    return _of(named or _last_part(error_type), template)


def stored(*, error_type: str, template: str) -> ErrorText:
    """The same as ``read`` gave, from the two columns that are kept of it."""
    return _of(error_type, template)


def _of(named: str, template: str) -> ErrorText:
    code = _code(template)
    kind = named or code
    return ErrorText(kind, code, template, signature(kind, code, template), words_of(template))


def _cut(message: str) -> str:
    if len(message) > LONGEST:
        message = message[: LONGEST // 2] + "\n" + message[-LONGEST // 2 :]
    text = _COLORS.sub("", spoken(message)).replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    lines = text.split("\n")
    if len(lines) > _MOST_LINES:
        lines = lines[: _MOST_LINES // 2] + lines[-_MOST_LINES // 2 :]
    return "\n".join(line[:_LONGEST_LINE] for line in lines)


def _typed(told: str) -> tuple[str, str]:
    """The exception's name, if it is said, and what it says."""
    for form in (_RUBY, _PANIC, _RAISED):
        found = form.match(told)
        if found:
            said = found.groupdict()
            return said.get("name") or "", said.get("text") or said.get("old") or said.get("new") or ""
    rest, named = _PHP_PLACE.sub("", _without_tail(told)), ""
    for _ in range(4):
        rest, name = _next_part(rest)
        named = named if name is None or _empty(name) else named or name
        if name is None:
            break
    answer = _ANSWER.search(rest)
    return named, (answer["text"] if answer else rest) or named


def _without_tail(told: str) -> str:
    """Without the values that databases and proxies add, and without what a server's log has before ``ERROR:``."""
    found = _TAIL.search(told)
    text = told[: found.start()] if found and found.start() else told
    logged = _LOGGED.match(text)
    if not logged:
        return _of_driver(text)
    state = _STATE.search(logged.group())
    return _with_code(text[logged.end() :], state.group()) if state else _of_driver(text[logged.end() :])


def _of_driver(text: str) -> str:
    """What the server said, with its code after it: drivers put that before it, each in its own way."""
    numbered = _NUMBERED.search(text)
    if numbered:
        return _with_code(text[: numbered.start()] + numbered["text"], f"ERROR {numbered['number']}")
    driver = _PDO.match(text)
    return _with_code(text[driver.end() :], driver[1]) if driver else text


def _with_code(text: str, code: str) -> str:
    return f"{text} ({code})"


def _next_part(text: str) -> tuple[str, str | None]:
    """What is left after an opening or a type, and the type; ``None`` when there is neither."""
    found = _OPENING.match(text) or _COMPILER.match(text)
    if found and found.end() < len(text):
        return text[found.end() :], ""
    found = _WRAPPED.match(text)
    if found:
        return text[found.end() :], found["name"]
    found = _TYPE.match(text)
    if found:
        kept = (found["code"] or "").strip()
        said = text[found.end() :]
        aside = _ASIDE.match(said)
        return f"{kept} {aside['text'] if aside else said}".strip(), _last_part(found["name"])
    return text, None


def _last_part(name: str) -> str:
    last = re.split(r"[.:\\/]", name.strip())[-1][:_LONGEST_TYPE]
    return "" if _empty(last) else last


def _empty(name: str) -> bool:
    return name.casefold() in EMPTY_TYPES or not name


def _code(template: str) -> str:
    found = _CODE.search(template)
    return next((str(value) for value in found.groups() if value), "") if found else ""
