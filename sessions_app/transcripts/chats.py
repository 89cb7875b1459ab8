"""Chats with an assistant: lists of messages with roles, and ChatGPT's export with its tree of messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sessions_app.services.messages import NewMessage
from sessions_app.transcripts.records import BadRecord, Conversation, Problem, first_of, message, moment, session_name

IDS = ("session_id", "conversation_id", "thread_id", "id")
TIMES = ("at", "timestamp", "created_at", "create_time", "created", "time")
USERS = ("user_id", "user")
#: Fields of a message that are kept as they are.
KEPT = ("id", "tool_calls", "tool_call_id", "function_call", "refusal")


def is_message(record: Any) -> bool:
    return isinstance(record, dict) and "role" in record


def is_conversation(record: Any) -> bool:
    return isinstance(record, dict) and (isinstance(record.get("messages"), list) or "mapping" in record)


def conversation(record: dict[str, Any], place: str, fallback: str) -> Iterator[Conversation | Problem]:
    """One conversation and the problems in it. ``fallback`` names its session where it has no id of its own."""
    user = first_of(record, USERS)
    found = Conversation(
        session_id=session_name(first_of(record, IDS) or fallback),
        place=place,
        user=str(user) if user else None,
        metadata={key: record[key] for key in ("title", "model") if isinstance(record.get(key), str)},
    )
    try:
        turns = exported(record) if "mapping" in record else plain(record["messages"])
    except BadRecord as error:
        yield Problem(place, str(error))
        return
    yield from fill(found, turns)
    yield found


def from_messages(records: list[tuple[str, Any]], place: str, fallback: str) -> Iterator[Conversation | Problem]:
    """Messages that stand alone: those that name the same session belong together, the rest is one conversation."""
    by_session: dict[str, Conversation] = {}
    for where, record in records:
        if not is_message(record):
            yield Problem(where, "this is neither a message (an object with a role) nor a conversation")
            continue
        named = first_of(record, IDS[:3])
        name = session_name(named) if named else fallback
        found = by_session.setdefault(name, Conversation(session_id=name, place=place, user=user_of(record)))
        yield from fill(found, [(where, record)])
    yield from by_session.values()


def user_of(record: dict[str, Any]) -> str | None:
    user = first_of(record, USERS)
    return str(user) if user else None


def fill(found: Conversation, turns: list[tuple[str, Any]]) -> Iterator[Problem]:
    """Adds the turns (with their places) to the conversation."""
    for where, record in turns:
        place = where if where.startswith(found.place) else f"{found.place}{where}"
        try:
            found.messages.append(turn(record))
        except BadRecord as error:
            yield Problem(place, str(error))


def plain(records: list[Any]) -> list[tuple[str, Any]]:
    return [(f".messages[{index}]", record) for index, record in enumerate(records)]


def turn(record: Any) -> NewMessage:
    if not isinstance(record, dict):
        raise BadRecord(f"a message is an object with role and content, not {type(record).__name__}")
    if "role" not in record:
        raise BadRecord("the message has no role")
    given = record.get("metadata")
    metadata = given if isinstance(given, dict) else {}
    return message(
        role=record["role"],
        content=text_of(record.get("content"), record),
        name=record.get("name"),
        at=moment(first_of(record, TIMES)),
        metadata=metadata | {key: record[key] for key in KEPT if key in record},
    )


def text_of(content: Any, record: dict[str, Any]) -> str:
    """Text as it is; of a list of parts the texts, with a note where something else stood."""
    if content is None and any(record.get(key) for key in ("tool_calls", "function_call", "refusal")):
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(part_text(part) for part in content)
    raise BadRecord(f"the content is {type(content).__name__}, not text")


def part_text(part: Any) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, dict) and isinstance(part.get("text"), str):
        return str(part["text"])
    kind = first_of(part, ("type", "content_type")) if isinstance(part, dict) else None
    return f"[{kind or 'attachment'}]"


def exported(record: dict[str, Any]) -> list[tuple[str, Any]]:
    """ChatGPT's export: the branch that ends at the current node, from its root on."""
    mapping = record["mapping"]
    if not isinstance(mapping, dict):
        raise BadRecord("'mapping' is not an object")
    node_id, branch, seen = record.get("current_node") or last_node(mapping), [], set()
    while isinstance(node_id, str) and node_id in mapping and node_id not in seen:
        seen.add(node_id)
        branch.append(node_id)
        node_id = mapping[node_id].get("parent") if isinstance(mapping[node_id], dict) else None
    return [
        (f".mapping[{node}]", as_turn(mapping[node]["message"]))
        for node in reversed(branch)
        if isinstance(mapping[node], dict) and said_something(mapping[node].get("message"))
    ]


def last_node(mapping: dict[str, Any]) -> str | None:
    """Where the export names no current node: the last one without children."""
    leaves = [name for name, node in mapping.items() if isinstance(node, dict) and not node.get("children")]
    return leaves[-1] if leaves else None


def said_something(said: Any) -> bool:
    """Exports hold empty system messages and hidden ones."""
    if not isinstance(said, dict):
        return False
    content = said.get("content")
    parts = content.get("parts") if isinstance(content, dict) else None
    text = content.get("text") if isinstance(content, dict) else None
    return bool(text or (parts and any(parts)))


def as_turn(said: dict[str, Any]) -> dict[str, Any]:
    content, author = said["content"], said.get("author")
    author = author if isinstance(author, dict) else {}
    return {
        "id": said.get("id"),
        "role": author.get("role"),
        "name": author.get("name"),
        "content": content.get("parts") or content.get("text"),
        "create_time": said.get("create_time"),
    }
