"""Addresses of the context doors, under ``/memory/``."""

from __future__ import annotations

from django.urls import path

from memoryhub.registry.api import batches, context, history, links, locks, relatives

ENTRY = "context/<uuid:entry_id>"

urlpatterns = [
    path("context/store", context.StoreView.as_view(), name="context-store"),
    path("context/retrieve", context.RetrieveView.as_view(), name="context-retrieve"),
    path("context/batch", batches.BatchView.as_view(), name="context-batch"),
    path("context/batch-get", batches.BatchGetView.as_view(), name="context-batch-get"),
    path(ENTRY, context.OneEntryView.as_view(), name="context-entry"),
    path(f"{ENTRY}/versions", history.VersionsView.as_view(), name="context-versions"),
    path(f"{ENTRY}/restore", history.RestoreView.as_view(), name="context-restore"),
    path(f"{ENTRY}/archive", history.ArchiveView.as_view(), name="context-archive"),
    path(f"{ENTRY}/unarchive", history.UnarchiveView.as_view(), name="context-unarchive"),
    path(f"{ENTRY}/hold", history.HoldView.as_view(), name="context-hold"),
    path(f"{ENTRY}/erase", history.EraseView.as_view(), name="context-erase"),
    path(f"{ENTRY}/reinforce", history.ReinforceView.as_view(), name="context-reinforce"),
    path(f"{ENTRY}/children", relatives.ChildrenView.as_view(), name="context-children"),
    path(f"{ENTRY}/grants", relatives.GrantsView.as_view(), name="context-grants"),
    path(f"{ENTRY}/grants/<str:agent_id>", relatives.GrantView.as_view(), name="context-grant"),
    path(f"{ENTRY}/relationships", links.RelationshipsView.as_view(), name="context-relationships"),
    path(
        f"{ENTRY}/relationships/<uuid:relationship_id>",
        links.RelationshipView.as_view(),
        name="context-relationship",
    ),
    path(f"{ENTRY}/related", links.RelatedView.as_view(), name="context-related"),
    path(f"{ENTRY}/lock", locks.LockView.as_view(), name="context-lock"),
    path(f"{ENTRY}/lock/renew", locks.RenewView.as_view(), name="context-lock-renew"),
    path(f"{ENTRY}/lock/force-release", locks.ForceReleaseView.as_view(), name="context-lock-force-release"),
    path("locks", locks.LocksView.as_view(), name="locks"),
    path("stats", relatives.StatsView.as_view(), name="stats"),
]
