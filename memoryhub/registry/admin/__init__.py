from memoryhub.registry.admin.entries import EntryAdmin, EphemeralEntryAdmin
from memoryhub.registry.admin.locks import LockAdmin, WaiterAdmin
from memoryhub.registry.admin.records import AccessRecordAdmin, GroupAdmin, RelationshipAdmin, VersionAdmin

__all__ = [
    "AccessRecordAdmin",
    "EntryAdmin",
    "EphemeralEntryAdmin",
    "GroupAdmin",
    "LockAdmin",
    "RelationshipAdmin",
    "VersionAdmin",
    "WaiterAdmin",
]
