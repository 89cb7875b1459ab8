"""Sharing rules: made, changed and removed; each change brings the stored memories in line in a job."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from agents_app.exceptions import RuleExists, RuleStale
from agents_app.models import Regrant, SharingRule
from agents_app.services import categories, regranting
from agents_app.services.profiles import tenant_of
from memoryhub.access.exceptions import Invalid, NotFound
from memoryhub.access.models import Agent, AuditEvent
from memoryhub.access.principals import Principal
from memoryhub.access.services import audit
from memoryhub.access.walls import verb

MOST_CHANGES, LONGEST_NOTE = 1_000, 2_000
FIELDS = ("category", "action", "from_agent", "to_agents", "can_write", "active", "note")
# Those who edit rules wait for each other; those who store never wait for them.
ONE_EDITOR = "SELECT pg_advisory_xact_lock(hashtextextended('memoryhub sharing rules ' || %s, 0))"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleChange:
    """One rule as it shall be. Without ``rule_id`` it is made; with ``delete`` it goes.

    ``if_version``: the version of the rule that the caller saw.
    """

    category: str = ""
    action: str = ""
    from_agent: str | None = None
    to_agents: Sequence[str] = ()
    can_write: bool = False
    active: bool = True
    note: str = ""
    rule_id: UUID | None = None
    if_version: int | None = None
    delete: bool = False


@dataclass(frozen=True, slots=True)
class Saved:
    """The rules as they are now, in the order of the changes (not the removed ones), and the job that follows."""

    rules: list[SharingRule]
    regrant: Regrant | None


@verb
def save_rules(changes: Sequence[RuleChange], *, principal: Principal, reason: str = "") -> Saved:
    """Carries out all changes or none. Needs ``admin``.

    Raises Invalid, NotFound (a rule; an agent that is not registered), RuleStale, RuleExists.
    """
    principal.require("admin")
    if len(changes) > MOST_CHANGES:
        raise Invalid("changes", f"At most {MOST_CHANGES} changes at a time.")
    tenant_id = tenant_of(principal)
    one_editor(tenant_id)
    check_agents(changes, principal)
    return apply(changes, principal=principal, reason=reason)


def one_editor(tenant_id: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(ONE_EDITOR, [tenant_id])


def apply(changes: Sequence[RuleChange], *, principal: Principal, reason: str = "") -> Saved:
    """Writes the changes, whichever agents they name, and queues what follows from them."""
    touched: set[str] = set()
    rules = [rule for change in changes if (rule := carry_out(change, principal, touched, reason)) is not None]
    regrant = None
    if touched:
        why = reason or "Sharing rules changed."
        regrant = regranting.queue(principal=principal, categories=touched, reason=why)
    return Saved(rules, regrant)


def carry_out(change: RuleChange, principal: Principal, touched: set[str], reason: str) -> SharingRule | None:
    if change.rule_id is None:
        return make(change, principal, touched, reason)
    rule = locked(change.rule_id, principal, change.if_version)
    if change.delete:
        touched.add(rule.category)
        record("agents.rule.removed", principal, rule, reason, old=shown(rule))
        rule.delete()
        return None
    return rewrite(rule, change, principal, touched, reason)


def make(change: RuleChange, principal: Principal, touched: set[str], reason: str) -> SharingRule:
    fields = checked(change, principal)
    tenant_id = tenant_of(principal)
    # not by catching the violation: the transaction would be lost with it
    [rule] = SharingRule.objects.bulk_create(
        [SharingRule(tenant_id=tenant_id, created_by=principal.actor, **fields)], ignore_conflicts=True
    )
    found: SharingRule | None = SharingRule.objects.filter(pk=rule.pk).first()
    if found is None:
        raise RuleExists()
    touched.add(found.category)
    record("agents.rule.created", principal, found, reason, new=shown(found))
    return found


def rewrite(rule: SharingRule, change: RuleChange, principal: Principal, touched: set[str], reason: str) -> SharingRule:
    old, fields = shown(rule), checked(change, principal)
    changed = {name: value for name, value in fields.items() if old[name] != value}
    if not changed:
        return rule
    refuse_twin(rule, fields)
    touched |= {rule.category, fields["category"]}
    for name, value in changed.items():
        setattr(rule, name, value)
    rule.version, rule.updated_at = F("version") + 1, Now()
    rule.save(update_fields=[*changed, "version", "updated_at"])
    rule.refresh_from_db()
    record("agents.rule.changed", principal, rule, reason, old={name: old[name] for name in changed}, new=changed)
    return rule


def refuse_twin(rule: SharingRule, fields: dict[str, Any]) -> None:
    same = {name: fields[name] for name in ("category", "action", "from_agent", "can_write")}
    if SharingRule.objects.filter(tenant_id=rule.tenant_id, **same).exclude(pk=rule.pk).exists():
        raise RuleExists()


def locked(rule_id: UUID, principal: Principal, if_version: int | None) -> SharingRule:
    rule: SharingRule | None = SharingRule.objects.visible_to(principal).select_for_update().filter(pk=rule_id).first()
    if rule is None:
        raise NotFound("There is no such sharing rule.")
    if if_version is not None and rule.version != if_version:
        raise RuleStale(current_version=rule.version)
    return rule


@verb
def of_id(rule_id: UUID, *, principal: Principal) -> SharingRule:
    rule: SharingRule | None = SharingRule.objects.visible_to(principal).filter(pk=rule_id).first()
    if rule is None:
        raise NotFound("There is no such sharing rule.")
    return rule


def as_change(rule: SharingRule, **fields: Any) -> RuleChange:
    """The change that leaves a rule as it is, but for ``fields``."""
    return replace(RuleChange(rule_id=rule.pk, **shown(rule)), **fields)


def checked(change: RuleChange, principal: Principal) -> dict[str, Any]:
    """The fields of a rule. Raises Invalid."""
    if change.action not in SharingRule.Action.values:
        raise Invalid("action", f"Choose one of: {', '.join(SharingRule.Action.values)}.")
    receivers = sorted({*change.to_agents} - {change.from_agent})
    restricts = change.action == SharingRule.Action.RESTRICT
    if restricts and (receivers or change.can_write):
        raise Invalid(
            "to_agents", "A restriction has no receivers and opens nothing. Leave to_agents and can_write out."
        )
    if not restricts and not receivers:
        raise Invalid("to_agents", "Name at least one agent that receives these memories.")
    if len(change.note) > LONGEST_NOTE:
        raise Invalid("note", f"Write at most {LONGEST_NOTE} characters.")
    fields = {name: getattr(change, name) for name in FIELDS}
    category = categories.canonical(change.category, principal=principal)
    return fields | {"category": category, "to_agents": receivers, "from_agent": change.from_agent or None}


def check_agents(changes: Iterable[RuleChange], principal: Principal) -> None:
    """Raises NotFound for agents that are not registered; switched-off ones may be named."""
    named = {agent for change in changes if not change.delete for agent in [*change.to_agents, change.from_agent]}
    wanted = {agent for agent in named if agent}
    known = set(Agent.objects.visible_to(principal).filter(agent_id__in=wanted).values_list("agent_id", flat=True))
    if missing := sorted(wanted - known):
        raise NotFound(f"There is no agent {', '.join(map(repr, missing))} in this tenant. Register it first.")


def shown(rule: SharingRule) -> dict[str, Any]:
    return {name: getattr(rule, name) for name in FIELDS}


def history(tenant_id: str, rule_id: str) -> QuerySet[AuditEvent]:
    """What happened to a rule, newest first."""
    found: QuerySet[AuditEvent] = AuditEvent.objects.filter(
        tenant_id=tenant_id, object_type="sharing_rule", object_id=rule_id
    ).order_by("-at", "-id")
    return found


def record(action: str, principal: Principal, rule: SharingRule, reason: str, **values: Any) -> None:
    audit.record(
        action,
        principal=principal,
        tenant_id=rule.tenant_id,
        object_type="sharing_rule",
        object_id=rule.pk,
        reason=reason,
        **values,
    )
