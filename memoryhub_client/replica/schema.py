"""The tables of a replica's file, and how an older file becomes a newer one.

``entries`` is what the hub has committed, as far as the feed was read. ``changes`` is what was written here and is
not answered yet, or was refused. ``shown`` is the first with the second laid over it: all that readers look at.
"""

from __future__ import annotations

#: One tuple of statements per version of the file; ``PRAGMA user_version`` counts the applied ones.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID",
        """
        CREATE TABLE entries (
            entry_id TEXT PRIMARY KEY,
            version INTEGER NOT NULL,
            can_write INTEGER NOT NULL,
            fed INTEGER NOT NULL,     -- 0: known by the answer to a push, the feed has not brought it yet
            value TEXT NOT NULL,      -- JSON; the base of local edits
            document TEXT NOT NULL    -- JSON; everything else that the hub says of it
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE changes (
            position INTEGER PRIMARY KEY AUTOINCREMENT,
            change_id TEXT NOT NULL UNIQUE,
            entry_id TEXT NOT NULL,
            -- waiting: may still be edited. sent: the hub may have it, so it stays as it is until it is answered
            state TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'rejected')),
            op TEXT NOT NULL CHECK (op IN ('put', 'delete')),
            key TEXT NOT NULL,
            owner TEXT NOT NULL,
            user_id TEXT,
            value TEXT,
            attributes TEXT NOT NULL,
            strategy TEXT,
            base_version INTEGER,     -- NULL: made here, or its base is not in the hub any more
            base_value TEXT,
            written_at TEXT NOT NULL,
            code TEXT,
            detail TEXT
        )
        """,
        "CREATE UNIQUE INDEX changes_one_waiting ON changes (entry_id) WHERE state = 'waiting'",
        "CREATE UNIQUE INDEX changes_one_sent ON changes (entry_id) WHERE state = 'sent'",
        """
        CREATE TABLE conflicts (
            conflict_id TEXT PRIMARY KEY,
            entry_id TEXT NOT NULL,
            status TEXT NOT NULL,
            kind TEXT NOT NULL,
            version INTEGER NOT NULL,
            resolution TEXT NOT NULL,
            confirmed INTEGER NOT NULL,   -- 0: a hub restored from a backup has not named it yet
            offer TEXT                    -- JSON of the change that was pushed from here, until it is decided
        ) WITHOUT ROWID
        """,
        "CREATE INDEX conflicts_of_entry ON conflicts (entry_id)",
        "CREATE TABLE ids (given_id TEXT PRIMARY KEY, entry_id TEXT NOT NULL) WITHOUT ROWID",
        """
        CREATE TABLE shown (
            number INTEGER PRIMARY KEY,
            entry_id TEXT NOT NULL UNIQUE,
            key TEXT NOT NULL,
            user_id TEXT,
            own INTEGER NOT NULL,
            can_write INTEGER NOT NULL,
            pending INTEGER NOT NULL,
            expires REAL,             -- seconds since 1970
            document TEXT NOT NULL
        )
        """,
        "CREATE INDEX shown_by_key ON shown (key)",
        "CREATE INDEX shown_that_end ON shown (expires) WHERE expires IS NOT NULL",
        "CREATE VIRTUAL TABLE words USING fts5 (key, content, tokenize = 'unicode61 remove_diacritics 2')",
    ),
)
