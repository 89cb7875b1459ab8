"""The admin's sidebar: work first, then what there is, by house."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

from agents_app import selectors_queue
from memoryhub.access.admin.base import principal_of
from procedures_app import selectors_desk


@dataclass(frozen=True)
class Item:
    """A list in the sidebar; ``model`` is ``app_label.modelname``."""

    model: str
    title: str
    icon: str


GROUPS: dict[str, tuple[Item, ...]] = {
    "Memory": (
        Item("registry.contextentry", "Entries", "database"),
        Item("registry.ephemeralentry", "Ephemeral entries", "timer"),
        Item("registry.entryversion", "Versions", "history"),
        Item("registry.relationship", "Relationships", "share"),
        Item("registry.entrylock", "Locks", "lock"),
        Item("registry.lockwaiter", "Waiting for locks", "hourglass_top"),
        Item("registry.contextgroup", "Groups", "folder"),
        Item("registry.accessrecord", "Access log", "visibility"),
        Item("search.indexrow", "Search index", "manage_search"),
        Item("search.vectorindex", "Vector indexes", "hub"),
        Item("search.vectorspace", "Search model", "neurology"),
    ),
    "Agents": (
        Item("agents_app.agentprofile", "Agents and profiles", "robot_2"),
        Item("agents_app.syncrun", "Sync runs", "sync"),
        Item("agents_app.replica", "Replicas", "content_copy"),
        Item("agents_app.pushedchange", "Pushed changes", "upload"),
        Item("agents_app.changefeed", "Change feeds", "rss_feed"),
        Item("agents_app.feeditem", "Feed items", "list"),
        Item("agents_app.candidate", "Offered values", "alt_route"),
        Item("agents_app.notice", "Notices", "notifications"),
        Item("agents_app.noticeread", "Notices read", "mark_email_read"),
        Item("agents_app.presence", "Reviewers at work", "visibility"),
        Item("agents_app.sharingrule", "Sharing rules", "rule"),
        Item("agents_app.categoryalias", "Category aliases", "label"),
        Item("agents_app.regrant", "Re-granting", "published_with_changes"),
        Item("agents_app.duplicateremoval", "Removed duplicates", "content_copy"),
        Item("agents_app.detectionmark", "Search for disagreements", "compare"),
    ),
    "Procedures": (
        Item("procedures_app.run", "Runs", "play_circle"),
        Item("procedures_app.procedure", "Procedures", "checklist"),
        Item("procedures_app.enforcementrule", "Enforcement", "policy"),
        Item("procedures_app.operation", "Operations", "construction"),
        Item("procedures_app.workrecord", "Work history", "work_history"),
        Item("procedures_app.runevent", "Run events", "timeline"),
        Item("procedures_app.steprun", "Steps of runs", "footprint"),
    ),
    "Knowledge": (
        Item("procedures_app.knowledge", "Knowledge", "school"),
        Item("procedures_app.solution", "Solutions", "lightbulb"),
        Item("procedures_app.capturederror", "Captured errors", "bug_report"),
        Item("procedures_app.feedback", "Feedback", "thumbs_up_down"),
        Item("procedures_app.knowledgeversion", "Versions of knowledge", "history"),
    ),
    "Sessions": (
        Item("sessions_app.session", "Sessions", "forum"),
        Item("sessions_app.handoff", "Hand-offs", "swap_horiz"),
        Item("sessions_app.task", "Tasks", "task_alt"),
        Item("sessions_app.message", "Messages", "chat"),
        Item("sessions_app.contextsnapshot", "Snapshots", "photo_camera"),
        Item("sessions_app.decision", "Decisions", "gavel"),
    ),
    "Access": (
        Item("access.tenant", "Tenants", "apartment"),
        Item("access.agent", "Agents", "smart_toy"),
        Item("access.apikey", "API keys", "key"),
        Item("access.grant", "Grants", "lock_open"),
        Item("access.auditevent", "Audit trail", "receipt_long"),
        Item("access.idempotencykey", "Repeat-safe requests", "repeat"),
    ),
    "Outbox and jobs": (
        Item("sync.delivery", "Deliveries", "outbox"),
        Item("sync.syncevent", "Sync events", "sync"),
        Item("sync.jobrun", "Job runs", "schedule"),
        Item("sync.heartbeat", "Heartbeats", "monitor_heart"),
    ),
    "Staff": (
        Item("auth.user", "People", "person"),
        Item("auth.group", "Roles", "group"),
    ),
}


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """unfold's navigation: the lists that exist and that this user may see."""
    work = {
        "title": "",
        "items": [
            {"title": "Dashboard", "icon": "dashboard", "link": reverse("admin:index")},
            *conflicts(request),
            *approvals(request),
            *sharing(request),
            *compliance(request),
            {"title": "API reference", "icon": "api", "link": reverse("docs"), "active": False},
        ],
    }
    groups = [{"title": title, "items": list(links(request, items))} for title, items in GROUPS.items()]
    return [work, *(group for group in groups if group["items"])]


def conflicts(request: HttpRequest) -> Iterator[dict[str, Any]]:
    """The reviewers' work place, with how many conflicts wait; nothing beside it when none does."""
    for found in links(request, (Item("agents_app.conflict", "Conflicts", "call_split"),)):
        waiting = selectors_queue.badge(principal_of(request))
        yield {**found, **({"badge": f"{waiting:,}", "badge_variant": "warning"} if waiting else {})}


def approvals(request: HttpRequest) -> Iterator[dict[str, Any]]:
    """Where runs wait for a person, with how many do; nothing beside it when none does."""
    for found in links(request, (Item("procedures_app.approval", "Approvals", "approval"),)):
        waiting = selectors_desk.badge(principal_of(request))
        yield {**found, **({"badge": f"{waiting:,}", "badge_variant": "warning"} if waiting else {})}


def sharing(request: HttpRequest) -> Iterator[dict[str, Any]]:
    """The matrix stands for the rules behind it."""
    for found in links(request, (Item("agents_app.sharingrule", "Sharing matrix", "grid_on"),)):
        link = reverse("admin:agents_app_sharingrule_matrix")
        yield {**found, "link": link, "active": request.path.startswith(link)}


def compliance(request: HttpRequest) -> Iterator[dict[str, Any]]:
    """For those who may see both what it counts: runs and operations."""
    if request.user.has_perm("procedures_app.view_run") and request.user.has_perm("procedures_app.view_operation"):
        link = reverse("admin:procedures_app_operation_compliance")
        yield {"title": "Compliance", "icon": "fact_check", "link": link, "active": request.path.startswith(link)}


def links(request: HttpRequest, items: tuple[Item, ...]) -> Iterator[dict[str, Any]]:
    for item in items:
        pages = admin.site._registry.get(apps.get_model(item.model))
        if pages is not None and pages.has_view_permission(request):
            link = reverse(f"admin:{item.model.replace('.', '_')}_changelist")
            yield {"title": item.title, "icon": item.icon, "link": link, "active": request.path.startswith(link)}
