"""Dialogs between people: LoCoMo's own format, and the form of users with items that retrieval is measured on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from sessions_app.models import Message
from sessions_app.services.messages import NewMessage
from sessions_app.transcripts.records import BadRecord, Conversation, Problem, message, session_name

SESSION = re.compile(r"session_(\d+)")
Read = Iterator[Conversation | Problem]


def is_locomo(record: Any) -> bool:
    return (
        isinstance(record, dict)
        and isinstance(record.get("conversation"), dict)
        and "speaker_a" in record["conversation"]
    )


def is_items(record: Any) -> bool:
    return isinstance(record, dict) and isinstance(record.get("users"), list)


class Roles:
    """Speakers become roles: who is called user or assistant is; else the first to speak is the user."""

    def __init__(self, first: str | None = None) -> None:
        self.first = first

    def of(self, speaker: str) -> str:
        if speaker.lower() in Message.Role.values:
            return speaker.lower()
        self.first = self.first or speaker
        return "user" if speaker == self.first else "assistant"


def locomo(record: dict[str, Any], place: str, fallback: str) -> Read:
    """``session_<n>`` lists of turns with ``session_<n>_date_time`` beside them; the sample is the user."""
    said = record["conversation"]
    sample = str(record.get("sample_id") or fallback)
    roles = Roles(first=str(said["speaker_a"]))
    numbers = sorted(int(match[1]) for key in said if (match := SESSION.fullmatch(key)))
    for number in numbers:
        turns, where = said[f"session_{number}"], f"{place}.conversation.session_{number}"
        if not isinstance(turns, list):
            yield Problem(where, "a session is a list of turns")
            continue
        found = Conversation(session_name(sample, "session", number), where, user=sample, metadata={"session": number})
        at = said.get(f"session_{number}_date_time")
        for index, turn in enumerate(turns):
            try:
                found.messages.append(locomo_turn(turn, at, roles))
            except BadRecord as error:
                yield Problem(f"{where}[{index}]", str(error))
        yield found


def locomo_turn(turn: Any, at: Any, roles: Roles) -> NewMessage:
    speaker, text = needed(turn, "speaker"), needed(turn, "text", may_be_empty=True)
    if turn.get("blip_caption"):
        text = f"{text} [shared image: {turn['blip_caption']}]".strip()
    metadata = {"id": turn.get("dia_id"), "dia_id": turn.get("dia_id"), "image_urls": turn.get("img_url")}
    return message(role=roles.of(speaker), content=text, name=speaker, at=at, metadata=metadata)


def needed(record: Any, name: str, *, may_be_empty: bool = False) -> str:
    value = record.get(name) if isinstance(record, dict) else None
    if not isinstance(value, str) or not (value or may_be_empty):
        raise BadRecord(f"'{name}' is missing")
    return value


def items(record: dict[str, Any], place: str) -> Read:
    """``users[].items[]`` with id, text, speaker, session, time and seq: a session per user and session."""
    for number, user in enumerate(record["users"]):
        where = f"{place}.users[{number}]"
        if not isinstance(user, dict) or not user.get("user") or not isinstance(user.get("items"), list):
            yield Problem(where, "a user needs 'user' and a list 'items'")
            continue
        yield from items_of_user(str(user["user"]), user["items"], where)


def items_of_user(user: str, records: list[Any], where: str) -> Read:
    by_session: dict[str, list[tuple[float, NewMessage]]] = {}
    roles = Roles()
    for index, record in enumerate(records):
        try:
            name = session_name(user, "session", needed_any(record, "session"))
            by_session.setdefault(name, []).append((order_of(record, index), item(record, roles)))
        except BadRecord as error:
            yield Problem(f"{where}.items[{index}]", str(error))
    for name, turns in by_session.items():
        said = [turn for _, turn in sorted(turns, key=lambda pair: pair[0])]
        yield Conversation(name, where, user=user, messages=said)


def needed_any(record: Any, name: str) -> Any:
    if not isinstance(record, dict) or record.get(name) in (None, ""):
        raise BadRecord(f"'{name}' is missing")
    return record[name]


def order_of(record: dict[str, Any], index: int) -> float:
    sequence = record.get("seq", index)
    if not isinstance(sequence, int | float):
        raise BadRecord(f"'seq' is {sequence!r}, not a number")
    return float(sequence)


def item(record: dict[str, Any], roles: Roles) -> NewMessage:
    speaker = needed(record, "speaker")
    return message(
        role=roles.of(speaker),
        content=needed(record, "text", may_be_empty=True),
        name=speaker,
        at=record.get("time"),
        metadata={key: record.get(key) for key in ("id", "session", "seq")},
    )
