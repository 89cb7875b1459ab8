"""Masks the variable parts of one line in one pass, and keeps the codes that carry meaning.

The line is short (``read`` cuts it) and no alternative can match the same characters in two ways, so that the time
is bounded whatever the text.
"""

from __future__ import annotations

import re

from procedures_app.signatures.lexicon import ERRNO, FILE_ENDINGS, HOST_ENDINGS, MEANT, TYPE_ENDINGS, WINDOWS_ERRNO

_UNIT = (
    r"(?:[kKMGT]i?B?|B|bytes?|ms|msecs?|milliseconds?|us|µs|ns|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|"
    r"Mbps|px|rows?|times|x|%)"
)
_REASON = (
    r"(?:Bad Request|Unauthorized|Payment Required|Forbidden|Not Found|Method Not Allowed|Not Acceptable|Conflict|Gone|"
    r"Request Timeout|Length Required|Precondition Failed|Request Entity Too Large|Payload Too Large|"
    r"Content Too Large|URI Too Long|Unsupported Media Type|Unprocessable|Too Many Requests|"
    r"Internal Server Error|Not Implemented|Bad Gateway|Service (?:Temporarily )?Unavailable|Gateway Time-?out"
    r"|Client Error|Server Error)"
)
_QUOTED = (
    r"(?<![\w'])'[^'\n]{0,300}+'(?!\w)|\"[^\"\n]{0,300}+\"|`[^`'\n]{1,300}+[`']|‘[^’\n]{0,300}+’"
    r"|“[^”\n]{0,300}+”|«[^»\n]{0,300}+»"
)
_NUMBER = r"-?\d++(?:[.,]\d++)*+"
_FILE = rf"[\w.+@%~$-]*\.(?:{FILE_ENDINGS})"
#: a name stands after these words, quoted or not
_NOUNS = (
    "table|relation|column|branch|requirement|endpoint|service|container|pod|queue|topic|database|role|user|schema|"
    "function|crate|image|volume|namespace|deployment|index|host|node|job|task|package|module|gem|library|property|"
    "constant|class|model|trait|struct|interface|variable|parameter|identifier|symbol|method|attribute|member"
)
_AFTER_NOUN = (
    "or|and|is|was|not|has|have|does|do|for|to|of|in|on|at|by|from|with|already|name|names|that|this|failed|error|file|"
    "could|cannot|can|must|should|may|are|be|were|will|found|exists|missing|unknown|as|if|than|but|no|limit|size|id|"
    "key|type|version|versions|process|scope|named|called|caused|pool|daemon|system|access|space|"
    "format|input|list|set|data|out|too|exited|definition|violates|native"
)
_THEN = (
    r"(?=:(?!:)|[;,)]|\.(?:\s|$)|\s*$|\s[<(]|\s(?:does|doesn't|is|was|not|already|has|from|in|of|on|to|at|could"
    r"|cannot|failed|with|because|"
    r"for|and|or|exists)\b)"
)
_FOR = "denied|wheels?|mismatch|manifest|configuration|credentials|certificate|artifact|handler|alias|secret"

PARTS = {
    # what stays: a number is a code where the words before or after it say so
    "errno": r"\[(?i:errno) -?\d{1,5}\]|\((?:os|OS) error -?\d{1,5}\)|\b(?i:errno)[:= ]{1,3}-?\d{1,5}\b"
    r"|(?<=\()\d{1,3}(?=: [A-Z])",
    "winerror": r"\[WinError \d{1,6}\]",
    "status": (
        r"\b(?i:(?:http|response|returned|with|http_|got) )?(?i:status)(?i:[ _]?code)?[\s:=]{1,3}\(?[1-5]\d\d\b"
        rf"|\b[1-5]\d\d(?= {_REASON})|\bHTTP(?:/\d(?:\.\d)?)? [1-5]\d\d\b"
        r"|\b(?i:(?:HTTP ?|returned )error:?) [1-5]\d\d\b"
    ),
    "exit": (
        r"\b(?i:exit(?:ed)?(?: with)?(?: non-zero)?|returned|terminated(?: with)?)(?i: exit)?(?i: code| status| signal)"
        r"[\s:=]{0,3}-?\d{1,3}\b|\b(?i:exit ?code|signal|exit status)[\s:=]{0,3}\d{1,3}\b|\bstatus=\d{1,3}(?:/\w+)?"
    ),
    "looked_up": r"\b(?:ENOTFOUND|EAI_[A-Z]+|lookup) [\w.:-]++",
    "code": (
        r"\bSQLSTATE[\s:=]{0,3}\[?[0-9A-Z]{5}\b\]?(?:\s?\[\d{3,5}\])?|\bERROR \d{4}\b(?: \([0-9A-Z]{5}\))?"
        r"|\((?:\d{4,5}), "
        r"|\b(?i:error[ _]?(?:code|number|no)|code)[\s:=#]{1,3}'?\"?[A-Z_]{0,20}-?\d{1,6}\b'?\"?"
        r"|\b[A-Z]{1,10}[-_]?\d{2,6}\b(?![-.:/]\w)|\b(?:error|warning)\[\w{2,12}\]|\bE[A-Z]{3,}(?:_[A-Z]+)*\b"
        r"|\b(?:ERR|SSL|EAI|HPE|DEPTH|CURLE|CERTIFICATE|CERT|UNABLE|SELF|ORA|NJS)_[A-Z0-9_]{3,60}\b"
    ),
    "type": rf"(?:[\w$]++(?:\.|::)(?=\w))*+(?<![a-z])[A-Z]\w*?(?:{TYPE_ENDINGS})\b(?![./\\-]\w)",
    # what varies
    "method": r"\b(?i:get|post|put|head|patch|delete|options) (?=[\"'/]|https?:)",
    "url": r"\b(?:jdbc:)?[A-Za-z][A-Za-z0-9+]{1,20}+://[^\s'\"<>`|]*+",
    "email": r"[\w.+-]{1,64}+@[\w-]+(?:\.[\w-]+)*+(?::\d+)?(?![/\w])",
    "uuid": r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b",
    "time": (
        r"\b\d{4}[-/]\d\d?[-/]\d\d?(?:[T ]\d\d?:\d\d(?::\d\d)?(?:[.,]\d+)?\s?(?:Z\b|UTC\b|GMT\b|[+-]\d\d:?\d\d)?)?"
        r"|\b(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]* +\d\d?,?"
        r"(?: \d{4})?(?: \d\d:\d\d(?::\d\d)?)?(?: (?:[A-Z]{3,4} )?\d{4})?\b|\b\d\d?:\d\d:\d\d(?:[.,]\d+)?\b"
        r"|\b\d\d?/\d\d?/\d{4}(?: \d\d?:\d\d(?::\d\d)?(?: [AP]M)?)?"
    ),
    "duration": r"\b(?:\d+(?:\.\d+)?(?:h|m|s|ms|us|µs|ns))+\b",
    "quoted": _QUOTED,
    "ip": (
        r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2})?(?::\d{1,5})?\b"
        r"|\[?(?<![\w:])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?![\w:])\]?(?::\d{1,5})?"
    ),
    "hex": r"\b0[xX][0-9a-fA-F]++\b|#[0-9a-f]{6,}+\b",
    "path": (
        r"\b[A-Za-z]:[\\/][^\s'\"<>|:;,()]*+(?::\d+)*+|\\\\[\w.$-]+\\[^\s'\"<>|]*+"
        r"|(?<![\w/])(?:~|\.{1,2}|\$\w+|@[\w.-]+)?/[\w.@%+~*$#=,-]*(?:/[\w.@%+~*$#=,-]*)*(?<![.,])(?:\(\d+(?:,\d+)?\)"
        r"|(?::\d+)*+)"
        rf"|(?<![\w/])[\w.@+~-]++(?:/[\w.@+~-]++)*?/{_FILE}\b(?:\(\d+(?:,\d+)?\)|(?::\d+)*+)"
        r"|(?<![\w/])[\w.@+-]++(?:/[\w.@+-]++){2,}+(?::\d+)*+"
        rf"|(?<![\w/.])[\w+-][\w.+-]*?\.(?:{FILE_ENDINGS})\b(?![.(/-]|\w)(?:\(\d+(?:,\d+)?\)|(?::\d+)*+)"
    ),
    "host": (
        rf"(?<![\w.@/-])(?:[A-Za-z0-9_][\w-]*+\.)++(?:{HOST_ENDINGS})\b(?:\.[a-z]{{2,3}}\b)?(?::\d{{1,5}}\b)?(?![\w(-]|\.\w)"
        r"|\blocalhost\b(?::\d{1,5}\b)?|(?<![\w.:-])[A-Za-z][\w.-]*+:\d{2,5}\b(?![.-]\w|\.)"
    ),
    "image": r"(?<![\w/])[\w.-]++(?:/[\w.-]++)*+:(?:[vV]?\d[\w.-]*+|latest|stable|main|dev)\b",
    "size": rf"(?<![\w.]){_NUMBER}\s?{_UNIT}(?![\w-])",
    "version": r"(?<![\w.])(?:[vV~^]|[<>=!~]=?\s?)?\d+\.\d+(?:\.\d+)*+(?:[-+._]?[A-Za-z][\w.+-]*+)?(?![\w])",
    "digest": r"\b(?:sha\d{1,3}|md5)[-:][\w+/]++=*+|(?<![\w+/])(?=[A-Za-z+/]*\d)[A-Za-z0-9+/]{32,}+=*+",
    "released": r"\b[A-Za-z]\w*(?:-[A-Za-z]\w*)*+-\d+(?:\.\d+)+[\w.-]*\b",
    "wanted": r"\b[A-Za-z][\w.-]*+(?:\[[\w,]+\])?(?:==|>=|<=|~=|!=|\^)[^\s,;)]++",
    "pair": r"\b[A-Za-z_][\w.-]*+=[^\s,;)\]}'\"]++",
    "dotted": r"(?<![\w.])[A-Za-z_$][\w$]*+(?:(?:\.|::|->)[A-Za-z_$<][\w$>]*+){2,}+(?:\(\))?",
    "topic": rf"(?<=on project )[\w.-]+"
    rf"|\b(?:{_FOR}) for (?!(?:{_AFTER_NOUN}|{_NOUNS})\b)\w[\w./-]*(?<!\.)"
    rf"|\b(?:{_NOUNS}) (?!(?:{_AFTER_NOUN})\b)(?:[\w][\w.-]*(?<![.:-]){_THEN}|[A-Za-z]\w*[-_./\d][\w.-]*(?<!\.))",
    "listed": r"(?<=\w )\[[a-z][\w.-]*\]",
    "slashed": r"(?<![\w/])(?!and/|or/|read/|client/|true/|yes/|tcp/|text/|application/|input/|i/o"
    r"|import/)[a-z][\w.-]*/[\w./-]*\w",
    "called": r"\b[A-Za-z_$][\w$.:]*+\(\)",
    "scoped": r"(?<![\w.])[A-Za-z_]\w*+(?:(?:::|\\)[A-Za-z_]\w*+)++|\b[A-Z]\w*+<[^<>\n]{0,80}>",
    "member": r"(?<![\w.])[A-Za-z_$][\w$]*+\.[A-Za-z_$][\w$]++(?![\w.])",
    "joined": r"\b_{0,2}[a-z][a-z0-9]*(?:_[a-z0-9]+)+(?<!_exception)(?<!_error)_{0,2}\b(?!\()|\b__[a-z]+__\b"
    r"|\b[a-z]++[A-Z]\w*+",
    "named": r"(?<![\w@])@[\w.-]+/[\w.-]+|%[\w%]+%|\$\{[^}\s]*\}|\$\w+|<[\w.:$]+>|(?<=\{\})\.\w+"
    r"|(?<!\w)--?[a-z][\w-]*+=\S++",
    "mixed": r"(?<![\w.])(?=[\w-]*\d)[A-Za-z0-9_][\w-]*+(?![\w])",
    "number": rf"(?<!\w){_NUMBER}",
}
_SCANNER = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in PARTS.items()))
_KEPT = frozenset({"status", "exit", "code", "type"})
_SHOWN = {kind: f"<{kind}>" for kind in ("url", "time", "duration", "hex", "path", "host", "image", "version", "size")}
_SHOWN |= dict.fromkeys(
    ("dotted", "named", "wanted", "listed", "called", "scoped", "released", "method", "member", "joined", "slashed"),
    "<name>",
) | dict.fromkeys(("uuid", "mixed", "digest"), "<id>")
_SHOWN |= {"email": "<address>", "ip": "<host>", "number": "<number>"}
_DIGITS = re.compile(r"-?\d+")
_WORD = re.compile(r"[^\W\d_]{2,}")
#: in quotes EMPLOYEE is a name, EACCES is not
_CODE = re.compile(
    rf"(?:[A-Z]{{1,10}}[-_]?\d{{2,6}}|{'|'.join(sorted({*ERRNO.values()}))}|(?:ERR|SSL|EAI|CERTIFICATE)_[A-Z0-9_]{{3,60}})\Z"
)
_TYPE = re.compile(rf"(?:[\w$]+[.:]{{1,2}})*[A-Z]\w*(?:{TYPE_ENDINGS})\Z")
_SYSTEM_CALLS = frozenset(
    {"accept", "bind", "connect", "exec", "fork", "listen", "mmap", "open", "recv", "send", "stat"}
)
_CALL = re.compile(r"[\w:<>~$.]+\(")
_PHRASE = 3
_SAYINGS = "msg message err error reason cause level type kind phase code status exitcode result signal errno"
_SAYING = frozenset(_SAYINGS.split())


def mask(line: str) -> str:
    """The line with its variable parts as ``<host>``, ``<path>``, ``<name>`` …; spaces are made one."""
    return " ".join(_SCANNER.sub(_shown, line).split())


def _shown(found: re.Match[str]) -> str:
    kind = str(found.lastgroup)
    text = found.group()
    if kind in _KEPT:
        return text
    if kind in _SPECIAL:
        return _SPECIAL[kind](text)
    if text.casefold() in MEANT:
        return text
    return "<number>" if text.isdigit() else _SHOWN[kind] + " " * text.endswith(" ")


def _errno(text: str) -> str:
    return _named(text, ERRNO)


def _winerror(text: str) -> str:
    return _named(text, WINDOWS_ERRNO)


def _named(text: str, names: dict[int, str]) -> str:
    number = _DIGITS.search(text)
    return names.get(int(number.group()), text) if number else text


def _quoted(text: str) -> str:
    """A quoted name varies; a quoted phrase is a message within the message; a code is a code."""
    inner = text[1:-1].strip()
    if _CALL.match(inner):
        return "<name>"
    if inner.casefold() in MEANT or _CODE.match(inner) or _TYPE.match(inner):
        return inner
    return mask(inner) if len(_WORD.findall(inner)) >= _PHRASE and " " in inner else "<name>"


def _pair(text: str) -> str:
    name, _, value = text.partition("=")
    if value.isupper() and len(value) > _PHRASE:
        return value
    return f"{name}={mask(value)}" if name.casefold() in _SAYING else f"{name}=<value>"


def _topic(text: str) -> str:
    noun, _, _ = text.rpartition(" ")
    return f"{noun} <name>" if noun else "<name>"


def _called(text: str) -> str:
    return text if text[:-2] in _SYSTEM_CALLS else "<name>"


def _looked_up(text: str) -> str:
    return text.partition(" ")[0] + " <host>"


_SPECIAL = {
    "topic": _topic,
    "looked_up": _looked_up,
    "called": _called,
    "errno": _errno,
    "winerror": _winerror,
    "quoted": _quoted,
    "pair": _pair,
}
