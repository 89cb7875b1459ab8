"""What may be said of knowledge: checked values, and what makes it a problem."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.utils import timezone

from memoryhub.access.exceptions import Invalid
from memoryhub.access.principals import Principal
from memoryhub.registry.services.drafts import check_value
from procedures_app import signatures
from procedures_app.models import Knowledge
from procedures_app.services import keeping
from procedures_app.signatures import ErrorText

LONGEST_TITLE = 500
LONGEST_TEXT = 20_000
#: Of a problem of which the error alone is known.
BARE_TITLE = 200
MOST_TAGS = 100


def drafted(said: Mapping[str, Any], *, principal: Principal, private: bool = False) -> Knowledge:
    """A row that is not yet written, with these values of CHANGEABLE. Raises Invalid, TooLarge."""
    user, session = keeping.whose(principal)
    if private and user is None:
        raise Invalid("private", "Name the user whom it is about in 'user_id', or leave 'private' out.")
    now = timezone.now()
    new = Knowledge(
        tenant_id=keeping.tenant_of(principal),
        user_id=user if private else None,
        session_id=session,
        problem_description=cause_in(said.get("content")),
        author=principal.actor,
        # set here: of a row that may be there already the database does not tell what it would set
        created_at=now,
        updated_at=now,
    )
    put(new, said)
    return new


def put(knowledge: Knowledge, said: Mapping[str, Any]) -> None:
    """Sets checked values of CHANGEABLE. Raises Invalid, TooLarge."""
    for name, value in said.items():
        setattr(knowledge, name, CHECKS[name](value))


def checked_title(title: str) -> str:
    text = title.strip()
    if not 1 <= len(text) <= LONGEST_TITLE:
        raise Invalid("title", f"Give it a title of 1 to {LONGEST_TITLE} characters.")
    return text


def checked_content(content: Any) -> Any:
    if not isinstance(content, (str, dict)):
        raise Invalid("content", "The content is a text or an object.")
    check_value(content, "content")
    return content


def checked_type(knowledge_type: str) -> str:
    if knowledge_type not in Knowledge.Type.values:
        raise Invalid("knowledge_type", f"Choose one of {', '.join(Knowledge.Type.values)}.")
    return knowledge_type


def checked_tags(tags: Sequence[str]) -> list[str]:
    found = list(dict.fromkeys(tag.strip() for tag in tags if tag.strip()))
    if len(found) > MOST_TAGS:
        raise Invalid("tags", f"At most {MOST_TAGS} tags.")
    return found


def checked_importance(importance: float) -> float:
    if not 0 <= importance <= 1:
        raise Invalid("importance", "An importance lies between 0 and 1.")
    return importance


def checked_description(text: str) -> str:
    if len(text) > LONGEST_TEXT:
        raise Invalid("problem_description", f"At most {LONGEST_TEXT} characters.")
    return text.strip()


CHECKS: dict[str, Callable[[Any], Any]] = {
    "title": checked_title,
    "content": checked_content,
    "knowledge_type": checked_type,
    "tags": checked_tags,
    "importance": checked_importance,
    "problem_description": checked_description,
}


def error_of(new: Knowledge, error: str | Mapping[str, Any] | None) -> ErrorText | None:
    """What makes it a problem; None for other knowledge."""
    said: Any = error or (new.content.get("error") if isinstance(new.content, dict) else None)
    if isinstance(said, Mapping):
        return signatures.read(str(said.get("message") or new.title), error_type=str(said.get("type") or ""))
    if said or new.knowledge_type == Knowledge.Type.ERROR_PATTERN:
        return signatures.read(str(said or new.title))
    return None


def solution_in(content: Any) -> str:
    found = content.get("solution") if isinstance(content, dict) else None
    return found.strip() if isinstance(found, str) else ""


def cause_in(content: Any) -> str:
    found = content.get("cause") if isinstance(content, dict) else None
    return found.strip()[:LONGEST_TEXT] if isinstance(found, str) else ""


def mark(new: Knowledge, said: ErrorText) -> None:
    """It is the problem with this error, met once."""
    new.problem_signature, new.error_type, new.template = said.signature, said.error_type, said.template
    new.occurrences = 1


def bare(new: Knowledge, said: ErrorText) -> None:
    """A problem of which nothing but the error is known: its masked template, never the text as it was."""
    mark(new, said)
    new.title, new.content = bare_title(said.error_type, said.template), {"error": said.template}


def bare_title(error_type: str, template: str) -> str:
    """Such as ``ConnectionRefusedError: connection to <address> refused``."""
    text = template if not error_type or template.startswith(error_type) else f"{error_type}: {template}"
    return (text or "Unknown error")[:BARE_TITLE]


def is_bare(knowledge: Knowledge) -> bool:
    return bool(knowledge.content == {"error": knowledge.template})
