from memoryhub.registry.admin.entries import EntryAdmin, EphemeralEntryAdmin
from memoryhub.registry.admin.records import AccessRecordAdmin, GroupAdmin, RelationshipAdmin, VersionAdmin

__all__ = [
    "AccessRecordAdmin",
    "EntryAdmin",
    "EphemeralEntryAdmin",
    "GroupAdmin",
    "RelationshipAdmin",
    "VersionAdmin",
]
