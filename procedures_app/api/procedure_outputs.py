"""What the doors of procedures answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rest_framework import serializers

from memoryhub.access.api.fields import Choice
from memoryhub.access.api.serializers import Output
from memoryhub.registry.api.documents import moment
from memoryhub.registry.api.fields import AnyValue, JSONObject
from memoryhub.registry.diffs import MISSING
from procedures_app.documents import Document, DocumentDiff, FieldChange, MergedPath, Problem, StepChange, ThreeWay
from procedures_app.documents.formats import RENDERED
from procedures_app.models import Procedure, ProcedureVersion

CHANGES = ("added", "removed", "changed", "moved", "same")
MERGES = ("one_sided", "auto", "clash")
SIDES = ("published", "draft", "both", "chosen")


def text(**options: Any) -> serializers.CharField:
    return serializers.CharField(**options)


def texts(**options: Any) -> serializers.ListField:
    return serializers.ListField(child=serializers.CharField(), **options)


class ProcedureHeadOutput(serializers.Serializer[Any]):
    name = text(help_text="What runs and rules call it.")
    status = Choice(Procedure.Status.choices)
    version = serializers.IntegerField(allow_null=True, help_text="The newest published; null: none yet.")
    title = text()
    summary = text()
    kind = text(help_text="The kind of operation it is for.")
    tags = texts()
    note = text(help_text="What the newest version changed, and why.")
    published_by = text()
    published_at = serializers.DateTimeField(allow_null=True)
    draft_revision = serializers.IntegerField(allow_null=True, help_text="Of its draft; null: there is none.")


class ProcedureVersionHeadOutput(serializers.Serializer[Any]):
    name = text()
    version = serializers.IntegerField()
    title = text()
    note = text(help_text="What changed and why.")
    author = text(help_text="Who wrote the draft.")
    based_on = serializers.IntegerField(allow_null=True, help_text="The version that the draft began from.")
    published_by = text()
    published_at = serializers.DateTimeField(allow_null=True)


class ProblemOfDocumentOutput(serializers.Serializer[Any]):
    field = text(help_text="Where, such as steps[0].title.")
    message = text()
    level = Choice(("error", "warning"), help_text="Errors prevent publishing.")


class ProcedureOutput(Output, ProcedureHeadOutput):
    document = JSONObject(allow_null=True, help_text="The newest published version; null: none yet.")


class ProcedureVersionOutput(Output, ProcedureVersionHeadOutput):
    document = JSONObject()


class DraftFields(serializers.Serializer[Any]):
    name = text()
    revision = serializers.IntegerField(help_text="Send it as If-Match with the next change.")
    based_on = serializers.IntegerField(allow_null=True, help_text="The version that it began from.")
    newest = serializers.IntegerField(allow_null=True, help_text="The newest published; another than based_on: rebase.")
    author = text()
    updated_at = serializers.DateTimeField()
    document = JSONObject()
    problems = ProblemOfDocumentOutput(many=True)


class ProcedureDraftOutput(Output, DraftFields):
    pass


class ReadDocumentOutput(Output):
    document = JSONObject()
    problems = ProblemOfDocumentOutput(many=True)


class DiscardedDraftOutput(Output):
    name = text()
    revision = serializers.IntegerField()


class FieldChangeOutput(serializers.Serializer[Any]):
    field = text(help_text="Such as title, or evidence.tests_passed.")
    old = AnyValue(help_text="null where it was not there.")
    new = AnyValue(help_text="null where it is gone.")
    says = text(help_text="The change in words.")


class StepChangeOutput(serializers.Serializer[Any]):
    id = text(help_text="The step's.")
    title = text()
    change = Choice(CHANGES)
    moved_by = serializers.IntegerField(help_text="Places; negative: up.")
    changes = FieldChangeOutput(many=True)


class ProcedureDiffOutput(Output):
    name = text()
    says = texts(help_text="Everything in words; empty: nothing differs.")
    changes = FieldChangeOutput(many=True, help_text="Beside the steps.")
    steps = StepChangeOutput(many=True, help_text="All of them, in the new order.")


class MergedPathOutput(serializers.Serializer[Any]):
    pointer = text(help_text="The key of a choice.")
    label = text(  # type: ignore[assignment]
        help_text="Where that is, in words."
    )
    kind = Choice(MERGES)
    side = Choice(SIDES, allow_null=True, help_text="Whose change stands in the result; null: nobody decided.")
    base = AnyValue()
    published = AnyValue()
    draft = AnyValue()
    result = AnyValue()
    note = text()
    options = texts(help_text="What may be chosen.")


class RebaseOutput(Output):
    saved = serializers.BooleanField()
    open = serializers.IntegerField(help_text="Clashes without a choice.")
    paths = MergedPathOutput(many=True)
    problems = ProblemOfDocumentOutput(many=True, help_text="Choices that cannot be.")
    document = JSONObject(help_text="The result; at open clashes it has what was published.")
    revision = serializers.IntegerField(help_text="The draft's now.")
    based_on = serializers.IntegerField(allow_null=True, help_text="The draft's now.")


class ExportOutput(Output):
    name = text()
    version = serializers.IntegerField(allow_null=True, help_text="null: the draft.")
    format = Choice(RENDERED)
    text = serializers.CharField(help_text="Import gives the same procedure back.")


# -- documents -------------------------------------------------------------------------------------------


def head_document(procedure: Any) -> dict[str, Any]:
    """Of a procedure with its current version and ``with_drafts``."""
    current = procedure.current
    return {
        "name": procedure.name,
        "status": procedure.status,
        "version": current.number if current else None,
        "title": current.title if current else procedure.draft_title or "",
        "summary": current.summary if current else "",
        "kind": current.kind if current else procedure.draft_kind or "general",
        "tags": current.tags if current else [],
        "note": current.note if current else "",
        "published_by": current.published_by if current else "",
        "published_at": moment(current.published_at) if current else None,
        "draft_revision": procedure.draft_revision,
    }


def version_document(version: ProcedureVersion) -> dict[str, Any]:
    return {
        "name": version.procedure.name,
        "version": version.number,
        "title": version.title,
        "note": version.note,
        "author": version.author,
        "based_on": version.based_on,
        "published_by": version.published_by,
        "published_at": moment(version.published_at),
    }


def draft_document(
    draft: ProcedureVersion, document: Document, newest: int | None, problems: Iterable[Problem]
) -> dict[str, Any]:
    return {
        "success": True,
        "name": document["name"],
        "revision": draft.revision,
        "based_on": draft.based_on,
        "newest": newest,
        "author": draft.author,
        "updated_at": moment(draft.updated_at),
        "document": document,
        "problems": problem_documents(problems),
    }


def problem_documents(problems: Iterable[Problem]) -> list[dict[str, Any]]:
    return [{"field": one.path or "document", "message": one.message, "level": one.level} for one in problems]


def value(side: Any) -> Any:
    return None if side is MISSING else side


def diff_document(name: str, found: DocumentDiff) -> dict[str, Any]:
    changes = [change_document(one) for one in found.fields]
    steps = [step_document(one) for one in found.steps]
    return {"success": True, "name": name, "says": found.says, "changes": changes, "steps": steps}


def change_document(change: FieldChange) -> dict[str, Any]:
    return {"field": change.path, "old": value(change.old), "new": value(change.new), "says": change.says}


def step_document(step: StepChange) -> dict[str, Any]:
    return {
        "id": step.step_id,
        "title": step.title,
        "change": step.kind,
        "moved_by": step.moved_by,
        "changes": [change_document(one) for one in step.fields],
    }


def rebase_document(draft: ProcedureVersion, merged: ThreeWay, *, saved: bool) -> dict[str, Any]:
    return {
        "success": True,
        "saved": saved,
        "open": merged.open,
        "paths": [path_document(one) for one in merged.paths],
        "problems": problem_documents(merged.errors),
        "document": merged.document,
        "revision": draft.revision,
        "based_on": draft.based_on,
    }


def path_document(path: MergedPath) -> dict[str, Any]:
    sides = {name: value(getattr(path, name)) for name in ("base", "published", "draft", "result")}
    said = {name: getattr(path, name) for name in ("pointer", "label", "kind", "side", "note")}
    return {**said, **sides, "options": list(path.options)}
