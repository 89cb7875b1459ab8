"""Stems of texts as PostgreSQL's English configuration makes them: stop words dropped, Snowball stems."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import psycopg

STEMS = """
SELECT t.n, w.lexeme, cardinality(w.positions)
FROM unnest(%s::text[]) WITH ORDINALITY t(text, n), unnest(to_tsvector('english', t.text)) w
ORDER BY t.n, w.positions[1], w.lexeme
"""


class Stemmer:
    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection

    def counts(self, texts: Sequence[str]) -> list[Counter[str]]:
        """How often each stem stands in each text, in order of first appearance."""
        found: list[Counter[str]] = [Counter() for _ in texts]
        for number, lexeme, count in self.connection.execute(STEMS, [list(texts)]):
            found[number - 1][lexeme] = count
        return found

    def stems(self, text: str) -> list[str]:
        """The distinct stems of one text."""
        return list(self.counts([text])[0])
