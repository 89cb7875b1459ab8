"""What the doors to sharing rules, aliases, the matrix and re-granting take and answer."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from agents_app.models import CategoryAlias, Regrant, SharingRule
from agents_app.services.matrix import Impact, Matrix, Preview
from agents_app.services.matrix_cells import Cell
from agents_app.services.sharing import MOST_CHANGES
from memoryhub.access.api.fields import Choice
from memoryhub.access.api.pagination import PageQuery
from memoryhub.access.api.serializers import Input, Output
from memoryhub.registry.api.documents import moment
from memoryhub.registry.api.fields import Flag, Name, Text


class TenantQuery(Input):
    tenant_id = Name(required=False, help_text="Platform keys choose the tenant.")


class TenantPageQuery(TenantQuery, PageQuery):
    """A page of what belongs to a tenant."""


class RulesQuery(TenantPageQuery):
    category = Name(required=False, help_text="By its canonical name.")
    agent_id = Name(required=False, help_text="Rules that name this agent as source or receiver.")
    action = Choice(SharingRule.Action.choices, required=False)


class RuleFields(Input):
    category = Name(required=False, help_text="A category or an alias of one.")
    action = Choice(SharingRule.Action.choices, required=False)
    from_agent = Name(required=False, allow_null=True, help_text="Who stores it; null: whichever agent.")
    to_agents = serializers.ListField(
        child=Name(), required=False, max_length=100, help_text="Who receives it; a restriction names nobody."
    )
    can_write = Flag(required=False, help_text="Receivers may change it, if their rank allows.")
    active = Flag(required=False)
    note = Text(required=False, allow_blank=True)
    reason = Text(required=False, allow_blank=True, help_text="Why; kept in the audit trail.")


class RuleInput(RuleFields):
    tenant_id = Name(required=False, help_text="Platform keys choose the tenant; other keys may repeat their own.")
    category = Name(help_text="A category or an alias of one.")
    action = Choice(SharingRule.Action.choices)


class RuleChangeInput(RuleFields):
    """What to change in a rule. Everything left out stays."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not set(attrs) - {"reason"}:
            raise serializers.ValidationError("Name at least one field to change.")
        return attrs


class AliasInput(Input):
    tenant_id = Name(required=False, help_text="Platform keys choose the tenant; other keys may repeat their own.")
    alias = Name(help_text="Another way to write the category.")
    category = Name()


class AliasQuery(TenantQuery):
    alias = Name(help_text="The alias to forget.")


class CellInput(Input):
    category = Name()
    agent_id = Name()
    letters = Text(
        allow_blank=True,
        max_length=8,
        help_text="R reads, W may change, P is told, X its own never leave it; empty: none of these.",
    )


class PreviewInput(Input):
    tenant_id = Name(required=False, help_text="Platform keys choose the tenant; other keys may repeat their own.")
    changes = CellInput(many=True, help_text=f"At most {MOST_CHANGES} cells.")


class RuleOutput(serializers.Serializer[Any]):
    rule_id = serializers.UUIDField()
    category = serializers.CharField()
    action = Choice(SharingRule.Action.choices)
    from_agent = serializers.CharField(allow_null=True)
    to_agents = serializers.ListField(child=serializers.CharField())
    can_write = serializers.BooleanField()
    active = serializers.BooleanField()
    note = serializers.CharField()
    version = serializers.IntegerField()
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class RegrantOutput(serializers.Serializer[Any]):
    """``done`` of ``total`` memories were looked at; ``total`` is null before it begins."""

    regrant_id = serializers.UUIDField()
    categories = serializers.ListField(child=serializers.CharField(), help_text="Empty: all.")
    reason = serializers.CharField()
    started_by = serializers.CharField()
    status = Choice(Regrant.Status.choices)
    total = serializers.IntegerField(allow_null=True)
    done = serializers.IntegerField()
    grants_made = serializers.IntegerField()
    grants_revoked = serializers.IntegerField()
    error = serializers.CharField()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class RuleSavedOutput(Output):
    rule = RuleOutput(allow_null=True, help_text="null: it was removed.")
    regrant = RegrantOutput(allow_null=True, help_text="The job that brings stored memories in line.")


class AliasOutput(serializers.Serializer[Any]):
    alias_id = serializers.UUIDField()
    alias = serializers.CharField()
    category = serializers.CharField()


class AliasSavedOutput(Output):
    alias = AliasOutput()


class AliasRemovedOutput(Output):
    alias = serializers.CharField()


class CellOutput(serializers.Serializer[Any]):
    category = serializers.CharField()
    agent_id = serializers.CharField()
    letters = serializers.CharField()
    words = serializers.CharField()
    rule_ids = serializers.ListField(child=serializers.UUIDField())
    memories = serializers.IntegerField(help_text="Granted to this agent now.")
    own = serializers.IntegerField(help_text="Stored by this agent.")
    fixed = serializers.BooleanField(help_text="Restricted for all agents: cannot be changed alone.")


class MatrixOutput(Output):
    categories = serializers.ListField(child=serializers.CharField())
    agents = serializers.ListField(child=serializers.CharField())
    cells = CellOutput(many=True)
    versions = serializers.DictField(child=serializers.IntegerField(), help_text="Of each rule, by its id.")
    open = RegrantOutput(many=True, help_text="Unfinished work: the numbers still move.")


class ImpactOutput(serializers.Serializer[Any]):
    category = serializers.CharField()
    agent_id = serializers.CharField()
    before = serializers.CharField()
    after = serializers.CharField()
    appear = serializers.IntegerField(help_text="Memories that this agent would get.")
    vanish = serializers.IntegerField(help_text="Memories that it would lose.")
    change = serializers.IntegerField(help_text="Memories of which it may do other things.")


class PreviewOutput(Output):
    cells = ImpactOutput(many=True)
    appear = serializers.IntegerField()
    vanish = serializers.IntegerField()
    change = serializers.IntegerField()


def rule_document(rule: SharingRule) -> dict[str, Any]:
    return {
        "rule_id": str(rule.pk),
        "category": rule.category,
        "action": rule.action,
        "from_agent": rule.from_agent,
        "to_agents": rule.to_agents,
        "can_write": rule.can_write,
        "active": rule.active,
        "note": rule.note,
        "version": rule.version,
        "created_by": rule.created_by,
        "created_at": moment(rule.created_at),
        "updated_at": moment(rule.updated_at),
    }


def regrant_document(regrant: Regrant) -> dict[str, Any]:
    return {
        "regrant_id": str(regrant.pk),
        "categories": regrant.categories,
        "reason": regrant.reason,
        "started_by": regrant.started_by,
        "status": regrant.status,
        "total": regrant.total,
        "done": regrant.done,
        "grants_made": regrant.granted,
        "grants_revoked": regrant.revoked,
        "error": regrant.error,
        "created_at": moment(regrant.created_at),
        "started_at": moment(regrant.started_at),
        "finished_at": moment(regrant.finished_at),
    }


def alias_document(alias: CategoryAlias) -> dict[str, Any]:
    return {"alias_id": str(alias.pk), "alias": alias.alias, "category": alias.category}


def cell_document(cell: Cell) -> dict[str, Any]:
    return {
        "category": cell.category,
        "agent_id": cell.agent_id,
        "letters": cell.letters,
        "words": cell.words,
        "rule_ids": [str(rule_id) for rule_id in cell.rule_ids],
        "memories": cell.memories,
        "own": cell.own,
        "fixed": cell.fixed,
    }


def matrix_document(matrix: Matrix) -> dict[str, Any]:
    return {
        "success": True,
        "categories": matrix.categories,
        "agents": matrix.agents,
        "cells": [cell_document(cell) for cell in matrix.cells.values()],
        "versions": matrix.versions,
        "open": [regrant_document(regrant) for regrant in matrix.open],
    }


def impact_document(impact: Impact) -> dict[str, Any]:
    names = ("category", "agent_id", "before", "after", "appear", "vanish", "change")
    return {name: getattr(impact, name) for name in names}


def preview_document(preview: Preview) -> dict[str, Any]:
    return {
        "success": True,
        "cells": [impact_document(impact) for impact in preview.cells],
        "appear": preview.appear,
        "vanish": preview.vanish,
        "change": preview.change,
    }
