from agents_app.models.conflicts import Candidate, Conflict, Presence, Severity
from agents_app.models.duplicates import DetectionMark, DuplicateRemoval
from agents_app.models.feed import ChangeFeed, FeedItem
from agents_app.models.notices import Notice, NoticeRead
from agents_app.models.profiles import AgentProfile, Rank, Strategy
from agents_app.models.replicas import PushedChange, Replica
from agents_app.models.sharing import CategoryAlias, Regrant, SharingRule
from agents_app.models.sync_runs import SyncRun

__all__ = [
    "AgentProfile",
    "Candidate",
    "CategoryAlias",
    "ChangeFeed",
    "Conflict",
    "DetectionMark",
    "DuplicateRemoval",
    "FeedItem",
    "Notice",
    "NoticeRead",
    "Presence",
    "PushedChange",
    "Rank",
    "Regrant",
    "Replica",
    "Severity",
    "SharingRule",
    "Strategy",
    "SyncRun",
]
