"""What a log line begins with before it says anything: times, levels, processes, containers, loggers."""

from __future__ import annotations

import re

_TIME = (
    r"[\[(]?\d{4}[-/.]\d\d?[-/.]\d\d?[T _]{1,2}\d\d?:\d\d(?::\d\d)?(?:[.,:]\d{1,9})?(?:\s?(?:Z|UTC|GMT|[A-Z]{3,4}"
    r"|[+-]\d\d:?\d\d))?"
    r"(?: \[\d{1,8}\])?[\])]?\s*[:|-]?\s+"
    r"|\[?\d\d?[/.-](?:\d\d|[A-Z][a-z]{2})[/.-]\d{4}[ :T]\d\d:\d\d:\d\d(?:[.,]\d+)?(?: [+-]\d{4})?\]?\s*[:|-]?\s+"
    r"|\d\d?/\d\d?/\d{4},? \d\d?:\d\d(?::\d\d)?(?: [AP]M)?\s*[:|-]?\s+"
    r"|\[?\d\d:\d\d:\d\d(?:[.,]\d{1,9})?\]?\s*[:|-]?\s+"
    r"|\[?(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?[A-Z][a-z]{2} {1,2}\d{1,2} \d\d:\d\d:\d\d(?:\.\d+)?(?: \d{4})?\]?\s+"
    r"(?:[\w.-]{1,60}\s)?(?:[\w./()@-]{1,60}(?:\[\d+\])?:\s+)?"
    r"|\[\s*\d{1,7}\.\d{3,6}\]\s+"
)
_LEVEL = (
    r"(?:\[(?i:trace|debug|info|notice|warn(?:ing)?|err(?:or)?|fatal|critical|crit|severe|panic|emerg|alert)\]"
    r"|(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERR(?:OR)?|FATAL|CRITICAL|SEVERE|PANIC|LOG|DETAIL"
    r"|CONTEXT)(?! \d{4} \()(?=[\s:\[|-]))"
    r"\s*(?:[:|-](?=\s)|:)?\s*"
    r"|(?i:fatal error|fatal|error|err|critical|warning)(?:\s?\(\w+\))?\s?:\s+|(?:E|W):\s+"
)
_PREFIXES = re.compile(
    rf"(?P<time>{_TIME})|(?P<level>{_LEVEL})"
    r"|(?P<klog>[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+\s+\d+ [\w.-]{1,60}:\d+\]\s+)"
    r"|(?P<container>[\w./-]{1,60}\s{0,20}\|\s+|std(?:err|out) F\s+)"
    r"|(?P<tool>npm (?:ERR!|error|WARN)\s*|yarn (?:error|run)\s+|(?:Warning"
    r"|Normal)\s{1,9}[A-Z]\w{1,40}\s{1,9}\S{1,12}(?: \(x\d+ over \S{1,12}\))?\s{1,9}(?:[a-z][\w-]{1,40}\s{2,}"
    r"|(?:default-scheduler|kubelet)\s+)|\d\w{1,9}\s+(?:Warning|Normal)\s+\w{1,40}\s+\w{1,30}/\S{1,90}\s+|remote:\s+"
    r"|stderr:\s+|nginx:\s+(?=\[)|logging before flag\.Parse:\s+|[\w./@-]{1,120}\.go:\d+:\s+|@\s{1,9}(?=\w)"
    r"|\{ (?=\w*Error: )|kubelet:?\s+|E\s{2,}|>\s+|[\u2500-\u257f×]+\s*"
    r"|curl: \(\d{1,3}\) |level=\w+\s+|(?:ts|time|t)=(?:\"[^\"]{1,40}\"|\S{1,40})\s+|(?:caller|logger"
    r"|component)=\S{1,60}\s+)"
)
_AFTER_TIME = re.compile(
    r"\[(?!(?i:errno|winerror|ssl|err_|e[a-z]{3,}))[^\]\n]{1,80}\]\s*[:|-]?\s*"
    r"|\d{1,8}#\d{1,8}:\s*(?:\*\d+ )?|\(\w[\w.-]{0,40}\)\s+|\d{1,8}\s+(?:---\s+)?|---\s+|<\d{1,3}>\s*"
    r"|[a-zA-Z_][\w.$/-]{0,80}(?:\[\d+\])?\s+(?:-|:)\s+|[a-z_][\w.-]{0,60}(?:\[\d+\])?:\s+"
    r"|[\w.-]{1,40}@[\w.-]{1,40} (?=[A-Z])"
)
_SERIOUS = re.compile(r"(?i)err|fatal|crit|severe|panic|emerg|alert|^E:|^[EF]\d")
_MOST = 8


def strip(line: str) -> tuple[str, bool]:
    """The line without its log prefixes, and whether they called it an error."""
    text, serious, in_log = line.strip(), False, False
    for _ in range(_MOST):
        found = _PREFIXES.match(text) or (_AFTER_TIME.match(text) if in_log else None)
        if not found or (found.end() == len(text) and found.lastgroup != "tool"):
            break
        serious = serious or bool(found.lastgroup != "time" and _SERIOUS.match(found.group().lstrip("[( ")))
        starts = found.lastgroup in {"time", "level", "klog"} and not found.group().rstrip().endswith(":")
        in_log = in_log or starts
        text = text[found.end() :].lstrip()
    return text, serious
