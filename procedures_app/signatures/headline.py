"""Which line of a traceback, a compiler's output or a log says what went wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass

from procedures_app.signatures.lexicon import TYPE_ENDINGS
from procedures_app.signatures.masking import mask
from procedures_app.signatures.prefixes import strip
from procedures_app.signatures.wording import plain

#: lines that only say where
_NOISE = re.compile(
    r"File \"|File '|\S{1,200}\.rb:\d+:in [`'][^'\n]{0,100}'$|at [\w$<\[./(]|#\d+[: ]|\.{3} \d+ (?:more|common)"
    r"|goroutine \d+|created by |\[signal |note: "
    r"|help: |"
    r"= (?:note|help)|-->|\d* ?\||[~^\s|]+$|[=@*-]+$|Could not read from remote|collect2: "
    r"|make(?:\[\d+\])?: \*\*\* \[|from /|stack backtrace|Stack trace|stack traceback|"
    r"\d+: 0x|\d+: [\w<]+::|with [\d.]+ frames|at Object\.|During handling|The above exception|--- End of|"
    r"(?:DETAIL|HINT|CONTEXT|STATEMENT|LINE \d+|QUERY):?\s|Hint:|hint:|A complete log of this|Traceback \("
    r"|exit status \d+$|"
    r"(?:errno|syscall|path|code|dest|cwd|command) [\w/:.-]+$|verbose |Did you mean|Perhaps you forgot"
    r"|For more information|subprocess-exited-with|"
    r"Node\.js v|exited with code|process_begin|Run `|Try |See |Please |Consider |Press |Use "
)
_ABRUPT = re.compile(
    r"panic: |thread '[^']{0,80}'(?: \(\d+\))? panicked|==\d+==\s?ERROR|PHP (?:Fatal|Parse|Warning|Recoverable)"
    r"|Uncaught |"
    r"Unhandled (?:exception|rejection)|UnhandledPromise|Exception in thread|\*\*\* |fatal error: |Fatal error: |"
    r"terminate called|runtime error: |Segmentation fault|Out of memory: |Killed$"
)
_TYPED = re.compile(
    rf"(?:[\w$]+(?:\.|::))*[A-Z]\w*(?:{TYPE_ENDINGS})\b(?: \[\w+\]| \(\w+\))?(?::|$| at |\()|(?:[a-z_]\w*\.)+[A-Z]\w+: "
)
_CODED = re.compile(
    r".{0,200}: undefined reference to |ld: (?:symbol|library)|Undefined symbols for|"
    r"[^\s:(]{1,200}(?:\(\d+,\d+\)|:\d+(?::\d+)?):\s+(?:fatal |internal compiler )?error\b"
    r"|[^\s:(]{1,200}:\d+(?::\d+)? - error |error\[\w+\]|"
    r"(?:error )?[A-Z]{2,6}\d{3,5}: |ERROR \d{4} \(|SQLSTATE|[^\s:]{1,200}\.rb:\d+:in [`'][^'\n]{0,100}': "
    r"|E[A-Z]{4,}\b|ERR_[A-Z_]+|! [A-Z]|\*\* \([A-Z]|"
    r"(?:ORA|TNS)-\d{5}|WRONGTYPE |NOAUTH |MOVED |NOSCRIPT |BUSYKEY|OOM command|READONLY |LOADING |MISCONF |CLUSTERDOWN"
)
_FAILING = re.compile(
    r"(?i)\b(?:error|errors|fail(?:ed|ure|s)?|can ?not|can't|couldn't|could not|unable|denied|refused|time[ds]? ?out"
    r"|timeout|"
    r"not found|invalid|unknown|missing|exceed(?:ed|s)|killed|no such|fatal|abort(?:ed)?|rejected|unauthorized"
    r"|forbidden|"
    r"conflict|not permitted|not allowed|unexpected|unresolved|undefined|expired|does not|doesn't|already|mismatch|"
    r"no space|too \w+|out of|unreachable|unavailable|unhealthy|crash\w*|panic|violat\w+|bad|broken"
    r"|deadlock)\b"
)
_PYTHON_FRAME = re.compile(r"File \"(?:[^\"\n]{0,300}[\\/])?([^\"\\/\n]{1,80})\", line \d+, in (\S{1,80})")
_FRAME = re.compile(r"at (?:(?:new|async) )?(?:[\w.]{1,80}/)?((?:[\w$<>]{1,80}\.){0,12}[\w$<>]{1,80}) ?\(")
_DJANGO = re.compile(r"(\w{1,80}) at /\S{0,300}$")
_ONLY_WHERE = re.compile(r"(?:in|at|on|from) \S{1,300}$")
_CAUSED = re.compile(r"Caused by:\s*")
_INNER = re.compile(r"--->\s+")
_LEADS_ON = (":", " in")
_SHOWN = 12  #: lines after a headline among which its cause may stand


@dataclass(frozen=True)
class Line:
    indent: int
    text: str  #: without log prefixes
    serious: bool
    caused: bool = False  #: stands behind ``>``: a cause of the line before


def lines_of(text: str) -> list[Line]:
    return [_line(raw) for raw in text.split("\n") if raw and not raw.isspace()]


def _line(raw: str) -> Line:
    text, serious = strip(raw)
    bare = raw.lstrip()
    return Line(len(raw) - len(bare), text, serious, bare.startswith("> "))


def headline(lines: list[Line]) -> int:
    """The number of the line that says what went wrong; 0 without lines."""
    where = _of_python(lines)
    if where is None:
        where = _of_causes(lines)
    if where is None:
        where = max(range(len(lines)), key=lambda number: _weight(lines[number]), default=0)
    return where


def told(lines: list[Line], where: int) -> str:
    """What that line says, with the one after it where it only announces."""
    return _joined(lines, where) if lines else ""


def place(lines: list[Line], where: int) -> str:
    """The function in which it was raised, as ``in file.py load``: what tells apart errors that say nothing else."""
    before = (_PYTHON_FRAME.match(line.text) for line in reversed(lines[max(0, where - 12) : where]))
    after = (_FRAME.match(line.text) for line in lines[where + 1 : where + 4])
    found = next((frame for frame in (*before, *after) if frame), None)
    return "in " + " ".join(part for part in found.groups() if part) if found else ""


def _of_python(lines: list[Line]) -> int | None:
    """The first line after the last traceback's header that is no deeper than the header."""
    headers = [number for number, line in enumerate(lines) if line.text.startswith("Traceback (most recent call last")]
    if not headers:
        return None
    header = lines[headers[-1]]
    for number in range(headers[-1] + 1, len(lines)):
        line = lines[number]
        if line.indent <= header.indent and not _NOISE.match(line.text):
            return number
    return None


def _of_causes(lines: list[Line]) -> int | None:
    """The root: Java's last ``Caused by:``, .NET's last ``--->``."""
    found = [number for number, line in enumerate(lines) if _names_cause(line.text)]
    return found[-1] if found else None


def _names_cause(text: str) -> bool:
    cause = _CAUSED.match(text) or _INNER.match(text)
    return bool(cause and cause.end() < len(text))


def _weight(line: Line) -> int:
    if not line.text or _NOISE.match(line.text):
        return 0
    if _ABRUPT.match(line.text):
        return 5
    if _TYPED.match(line.text) or _CODED.match(line.text):
        return 4
    if line.text.isupper() and " " in line.text:
        return 1  # a banner: what it announces comes after it
    return 3 if line.serious else 2 if _FAILING.search(line.text) else 1


def _joined(lines: list[Line], where: int) -> str:
    text = lines[where].text
    following = [line.text for line in lines[where + 1 : where + 4] if line.text and not _NOISE.match(line.text)]
    root = _rust_root(lines, where) or _nested_root(lines, where)
    if _ONLY_WHERE.match(text) and following:
        return following[0]
    page = _DJANGO.match(text)
    if page and following:
        return f"{page[1]}: {following[0]}"
    if following and _announces(text):
        return f"{text.rstrip(':')}: {_announced(lines, where) or following[0]}"
    return f"{text}: {root}" if root else text


def _announces(text: str) -> bool:
    """Whether what went wrong comes after this line: it ends so, or tells nothing but a code or a place."""
    if text.endswith(_LEADS_ON) and not text.endswith("):"):
        return True
    return not _TYPED.match(text) and not plain(mask(text))


def _announced(lines: list[Line], where: int) -> str:
    """The first line after one that announces, past the code that it shows, that tells of a failure."""
    after = (line.text for line in lines[where + 1 : where + 1 + _SHOWN])
    return next((text for text in after if _FAILING.search(text) and not _leads_on(text)), "")


def _leads_on(text: str) -> bool:
    return bool(_NOISE.match(text)) or text.endswith(_LEADS_ON)


def _nested_root(lines: list[Line], where: int) -> str:
    """The deepest of the causes that stand under a line, each behind ``>`` and further in, as Gradle prints them."""
    root = ""
    for line in lines[where + 1 : where + 1 + _SHOWN]:
        if not line.caused:
            break
        root = line.text
    return root


def _rust_root(lines: list[Line], where: int) -> str:
    """The last line under a bare ``Caused by:``, as anyhow and cargo print it."""
    for number in range(where + 1, len(lines)):
        if _CAUSED.fullmatch(lines[number].text):
            under = [line for line in lines[number + 1 : number + 20] if line.indent > lines[number].indent]
            return re.sub(r"^\d+:\s+", "", under[-1].text) if under else ""
    return ""
