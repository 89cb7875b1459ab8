"""Evaluation sets: users with dated conversations, and questions with the ids of the turns that answer them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Item:
    """One turn. ``session`` is the conversation it belongs to, ``seq`` its place among all turns of the user."""

    id: str
    text: str
    speaker: str
    session: str
    time: datetime
    seq: int


@dataclass(frozen=True, slots=True)
class Question:
    id: str
    text: str
    category: str
    evidence: frozenset[str]


@dataclass(frozen=True, slots=True)
class User:
    """Everything said in one user's conversations, in order, and what is asked about it."""

    name: str
    items: list[Item]
    questions: list[Question]

    def sessions(self) -> dict[str, list[Item]]:
        """The turns of each session, in order."""
        found: dict[str, list[Item]] = {}
        for item in self.items:
            found.setdefault(item.session, []).append(item)
        return found


@dataclass(frozen=True, slots=True)
class DataSet:
    name: str
    users: list[User]

    def questions(self) -> Iterator[tuple[User, Question]]:
        return ((user, question) for user in self.users for question in user.questions)


def load(path: Path) -> DataSet:
    """Reads JSON, gzipped or not. Questions without evidence are left out: nothing can be found for them.

    Raises ValueError for evidence that no turn has, KeyError for a missing field.
    """
    raw = path.read_bytes()
    document = json.loads(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw)
    return DataSet(document.get("name", path.stem), [user_of(record) for record in document["users"]])


def user_of(record: dict[str, Any]) -> User:
    items = sorted((item_of(item) for item in record["items"]), key=lambda item: item.seq)
    questions = [question_of(question) for question in record["questions"] if question["evidence"]]
    known = {item.id for item in items}
    for question in questions:
        if missing := question.evidence - known:
            raise ValueError(f"question {question.id}: no turn is called {', '.join(sorted(missing))}")
    return User(str(record["user"]), items, questions)


def item_of(record: dict[str, Any]) -> Item:
    time = datetime.fromisoformat(record["time"])
    return Item(record["id"], record["text"], record["speaker"], str(record["session"]), time, record["seq"])


def question_of(record: dict[str, Any]) -> Question:
    return Question(record["id"], record["question"], record["category"], frozenset(record["evidence"]))
