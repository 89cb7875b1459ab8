"""What staff can do to one entry, each with one service call."""

from __future__ import annotations

from memoryhub.access.admin.verbs import Verb

VERBS: tuple[Verb, ...] = ()
