"""The sharing matrix: categories × agents, what each may do with the others' memories, and changing it cell by cell.

A cell's letters, in this order: R the agent reads what others store in this category, W it may change that, P it is
told of it as well, X its own memories of this category never leave it. ``–`` alone: none of these.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from agents_app.exceptions import MatrixStale
from agents_app.models import Regrant, SharingRule
from agents_app.services import sharing
from agents_app.services.matrix_cells import Cell, CellChange, cells_of, rule_changes
from agents_app.services.profiles import tenant_of
from agents_app.services.sharing import RuleChange, Saved
from memoryhub.access.models import Agent
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls, verb

Place = tuple[str, str]
Change = CellChange | RuleChange

# What is granted now, by category and receiver, and what agents store themselves.
COUNTS = """
WITH e AS MATERIALIZED (
  SELECT r.id, r.agent_id, r.category FROM memory_context_registry r
  WHERE r.tenant_id = %(tenant)s AND r.scope = 'agent' AND r.agent_id IS NOT NULL AND r.deleted_at IS NULL
), names AS (
  SELECT spelled, agents_category(%(tenant)s, spelled) AS category FROM (SELECT DISTINCT category AS spelled FROM e) s
)
SELECT 'own', n.category, e.agent_id, count(*) FROM e JOIN names n ON n.spelled = e.category GROUP BY 2, 3
UNION ALL
SELECT 'granted', n.category, g.agent_id, count(*) FROM e JOIN names n ON n.spelled = e.category
  JOIN memory_grants g ON g.entry_id = e.id AND g.tenant_id = %(tenant)s GROUP BY 2, 3
"""
# What the job would do, were the rules as they are inside this transaction.
IMPACT = """
WITH spelled AS MATERIALIZED (
  SELECT s.category FROM (
    SELECT DISTINCT r.category FROM memory_context_registry r WHERE r.tenant_id = %(tenant)s AND r.agent_id IS NOT NULL
  ) s WHERE agents_category(%(tenant)s, s.category) = ANY (%(categories)s)
)
SELECT c.category, c.agent_id, c.kind, count(*) FROM agents_grant_changes(ARRAY(
  SELECT r.id FROM memory_context_registry r JOIN spelled ON spelled.category = r.category
  WHERE r.tenant_id = %(tenant)s AND r.scope = 'agent' AND r.agent_id IS NOT NULL
)) c GROUP BY 1, 2, 3
"""


@dataclass(frozen=True, slots=True)
class Matrix:
    """``cells`` has one for every category and agent. ``versions``: of every rule, by id; ``save`` wants them back.

    ``open``: work on older changes that is not done yet, so that the counts still move.
    """

    tenant_id: str
    categories: list[str]
    agents: list[str]
    cells: dict[Place, Cell]
    rules: list[SharingRule]
    versions: dict[str, int]
    open: list[Regrant]


@dataclass(frozen=True, slots=True)
class Impact:
    """One cell that changes: its letters before and after, and how many memories' grants come, go or change."""

    category: str
    agent_id: str
    before: str
    after: str
    appear: int = 0
    vanish: int = 0
    change: int = 0


@dataclass(frozen=True, slots=True)
class Preview:
    """What saving would do. ``appear`` and ``vanish`` count grants: one memory that one agent gets or loses."""

    cells: list[Impact]
    appear: int
    vanish: int
    change: int
    rules: list[RuleChange] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Moved:
    """A cell whose rules others changed: how it reads now, and who changed it when (where that is known)."""

    category: str
    agent_id: str
    letters: str
    changed_by: str
    changed_at: datetime | None


@verb
def effective(*, principal: Principal, tenant_id: str | None = None) -> Matrix:
    """The matrix of a tenant as the active rules have it. Needs ``read``."""
    inside = principal.within(tenant_id)
    principal.require("read")
    return matrix_of(inside)


def matrix_of(principal: Principal) -> Matrix:
    tenant_id = tenant_of(principal)
    with behind_walls(principal):
        rules = list(SharingRule.objects.filter(tenant_id=tenant_id))
        agents = list(Agent.objects.filter(tenant_id=tenant_id).order_by("agent_id").values_list("agent_id", flat=True))
        counts = counted(tenant_id)
        unfinished = Regrant.objects.filter(tenant_id=tenant_id, status__in=("waiting", "running", "failed"))
        names = sorted({rule.category for rule in rules} | {category for _, category, _ in counts})
        cells = cells_of(rules, names, agents, counts)
        versions = {str(rule.pk): rule.version for rule in rules}
        return Matrix(tenant_id, names, agents, cells, rules, versions, list(unfinished))


def counted(tenant_id: str) -> Counter[tuple[str, str, str]]:
    """Numbers of memories by (own or granted, category, agent)."""
    with connection.cursor() as cursor:
        cursor.execute(COUNTS, {"tenant": tenant_id})
        return Counter({(kind, category, agent): n for kind, category, agent, n in cursor.fetchall()})


@verb
def preview(changes: Sequence[Change], *, principal: Principal, tenant_id: str | None = None) -> Preview:
    """What ``save`` of these changes would do to the stored memories, counted exactly; changes nothing.

    Grants that an unfinished job still owes are in the numbers. Raises what ``save`` raises, but for MatrixStale.
    """
    inside = principal.within(tenant_id)
    principal.require("admin")
    with behind_walls(inside):
        before = matrix_of(inside)
        wanted = rule_changes(changes, before.rules)
        with transaction.atomic():
            sharing.save_rules(wanted, principal=inside)
            after = matrix_of(inside)
            found = impact(before.tenant_id, changed_categories(before, after))
            transaction.set_rollback(True)
        return Preview(impacts(before, after, found), *totals(found), wanted)


def changed_categories(before: Matrix, after: Matrix) -> list[str]:
    old, new = ({(rule.pk, rule.version, rule.category) for rule in matrix.rules} for matrix in (before, after))
    return sorted({category for _, _, category in old ^ new})


def impact(tenant_id: str, categories: list[str]) -> dict[tuple[str, str, str], int]:
    """Grants by (category, agent, made / revoked / changed)."""
    with connection.cursor() as cursor:
        cursor.execute(IMPACT, {"tenant": tenant_id, "categories": categories})
        return {(category, agent, kind): n for category, agent, kind, n in cursor.fetchall()}


def impacts(before: Matrix, after: Matrix, found: Mapping[tuple[str, str, str], int]) -> list[Impact]:
    agents = {agent for _, agent, _ in found} | set(after.agents)
    names = sorted({*before.categories, *after.categories})
    shown: list[Impact] = []
    for category in names:
        for agent in sorted(agents):
            made, revoked, changed = (found.get((category, agent, kind), 0) for kind in ("made", "revoked", "changed"))
            old, new = letters_at(before, category, agent), letters_at(after, category, agent)
            if old != new or made or revoked or changed:
                shown.append(Impact(category, agent, old, new, made, revoked, changed))
    return shown


def letters_at(matrix: Matrix, category: str, agent: str) -> str:
    cell = matrix.cells.get((category, agent))
    return cell.letters if cell else "–"


def totals(found: Mapping[tuple[str, str, str], int]) -> tuple[int, int, int]:
    by_kind: Counter[str] = Counter()
    for (_, _, kind), n in found.items():
        by_kind[kind] += n
    return by_kind["made"], by_kind["revoked"], by_kind["changed"]


@verb
def save(
    changes: Sequence[Change],
    seen_versions: Mapping[str, int],
    *,
    principal: Principal,
    tenant_id: str | None = None,
    reason: str = "",
) -> Saved:
    """Writes the changes and queues the job that follows from them. Needs ``admin``.

    ``seen_versions`` is ``Matrix.versions`` as the editor saw it. Raises MatrixStale, whose ``cells`` (a list of
    dicts with the fields of :class:`Moved`) are those that others changed in the categories at hand; Invalid,
    NotFound, RuleExists.
    """
    inside = principal.within(tenant_id)
    principal.require("admin")
    with behind_walls(inside):
        sharing.one_editor(tenant_of(inside))
        now = matrix_of(inside)
        refuse_moved(changes, seen_versions, now)
        return sharing.save_rules(rule_changes(changes, now.rules), principal=inside, reason=reason)


def refuse_moved(changes: Sequence[Change], seen: Mapping[str, int], now: Matrix) -> None:
    by_id = {str(rule.pk): rule for rule in now.rules}
    touched = {change.category for change in changes} | {
        by_id[str(change.rule_id)].category
        for change in changes
        if isinstance(change, RuleChange) and str(change.rule_id) in by_id
    }
    moved = [rule for rule in now.rules if rule.category in touched and seen.get(str(rule.pk)) != rule.version]
    gone = sorted(set(seen) - set(now.versions))
    cells = [row for rule in moved for row in moved_cells(rule, now)] + gone_cells(gone, touched, now)
    if cells:
        unique = {(row["category"], row["agent_id"]): row for row in cells}
        raise MatrixStale(cells=[unique[place] for place in sorted(unique)])


def moved_cells(rule: SharingRule, now: Matrix) -> list[dict[str, Any]]:
    agents: Iterable[str] = rule.to_agents or ([rule.from_agent] if rule.from_agent else now.agents)
    who, when = last_change(rule.tenant_id, str(rule.pk))
    return [as_dict(rule.category, agent, now, who, when) for agent in agents]


def gone_cells(rule_ids: Sequence[str], touched: set[str], now: Matrix) -> list[dict[str, Any]]:
    """Cells of rules that were removed; the audit trail knows which they were."""
    found = []
    for rule_id in rule_ids:
        removal = removed(now.tenant_id, rule_id)
        if removal is None or removal[0]["category"] not in touched:
            continue
        old, who, when = removal
        agents = old["to_agents"] or ([old["from_agent"]] if old["from_agent"] else now.agents)
        found += [as_dict(old["category"], agent, now, who, when) for agent in agents]
    return found


def as_dict(category: str, agent: str, now: Matrix, who: str, when: datetime | None) -> dict[str, Any]:
    moved = Moved(category, agent, letters_at(now, category, agent), who, when)
    return {
        "category": moved.category,
        "agent_id": moved.agent_id,
        "letters": moved.letters,
        "changed_by": moved.changed_by,
        "changed_at": moved.changed_at and moved.changed_at.isoformat(),
    }


def last_change(tenant_id: str, rule_id: str) -> tuple[str, datetime | None]:
    row = sharing.history(tenant_id, rule_id).values_list("actor", "at").first()
    return row or ("", None)


def removed(tenant_id: str, rule_id: str) -> tuple[dict[str, Any], str, datetime] | None:
    rows = sharing.history(tenant_id, rule_id).filter(action="agents.rule.removed")
    row = rows.values_list("old", "actor", "at").first()
    return (row[0] or {}, row[1], row[2]) if row else None
