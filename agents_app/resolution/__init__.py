"""How two or more versions of one memory become one: pure functions over JSON values, without a database.

``merging`` merges three ways, path by path; ``strategies`` says what each strategy would do with a case and why;
``applying`` gives the result of a strategy with a person's picks on top. Preview and decision both call it.
"""

from agents_app.resolution.applying import Resolution, apply
from agents_app.resolution.cases import Case, Committed, Offer, Snapshot
from agents_app.resolution.merging import Merged, PathMerge, merge, merge_offers
from agents_app.resolution.strategies import StrategyPreview, preview_all

__all__ = [
    "Case",
    "Committed",
    "Merged",
    "Offer",
    "PathMerge",
    "Resolution",
    "Snapshot",
    "StrategyPreview",
    "apply",
    "merge",
    "merge_offers",
    "preview_all",
]
