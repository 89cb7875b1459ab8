"""Names: slugs of procedures, steps, fields and kinds of work."""

from __future__ import annotations

import re
import unicodedata

PROCEDURE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
STEP = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
FIELD = re.compile(r"[a-z][a-z0-9_]*")
KIND = re.compile(r"[a-z0-9_]+")
#: Fields that the hub adds for preconditions without a check.
CONFIRMATION = re.compile(r"confirm_\d+")
#: Addresses of the API that stand where a name would.
RESERVED = frozenset({"compliance", "import", "parse"})
LONGEST_PROCEDURE, LONGEST_STEP, LONGEST_FIELD, LONGEST_KIND = 80, 60, 60, 60


def slug(text: str, joined: str, longest: int) -> str:
    """``Check the logs!`` → ``check-the-logs``; letters outside of ASCII lose their accents or go."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return joined.join(re.findall(r"[a-z0-9]+", plain))[:longest].strip(joined)


def procedure_slug(title: str) -> str:
    return slug(title, "-", LONGEST_PROCEDURE)


def step_slug(title: str) -> str:
    return slug(title, "-", LONGEST_STEP)


def field_slug(text: str) -> str:
    found = slug(text, "_", LONGEST_FIELD)
    return found if FIELD.fullmatch(found) else slug(f"value_{found}", "_", LONGEST_FIELD)


def kind_slug(text: str) -> str:
    """A kind of work as rules name it: ``Prod Deploy`` and ``prod-deploy`` are ``prod_deploy``; empty for no name."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
