"""What the doors of procedures take."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from memoryhub.access.api.fields import Choice
from memoryhub.access.api.pagination import PageQuery
from memoryhub.access.api.serializers import Input
from memoryhub.registry.api.fields import Flag, JSONObject, Name, Text
from procedures_app.api.run_inputs import Whole
from procedures_app.documents import formats, names, yaml_text
from procedures_app.models import Procedure
from procedures_app.services.publishing import LONGEST_NOTE

DRAFT = "draft"
TENANT_HELP = "Platform keys choose the tenant; other keys may repeat their own."


def tenant() -> Name:
    return Name(required=False, help_text=TENANT_HELP)


def document() -> JSONObject:
    return JSONObject(help_text="The procedure; docs/procedures.md describes every key of it.")


def procedure_name(**options: Any) -> Name:
    return Name(**{"max_length": names.LONGEST_PROCEDURE, **options})


class ProcedureTenantQuery(Input):
    tenant_id = tenant()


class ProceduresQuery(ProcedureTenantQuery, PageQuery):
    kind = Name(required=False, help_text="For this kind of operation.")
    status = Choice(Procedure.Status.choices, required=False, help_text="Whether new runs may follow it.")
    tag = Name(required=False, help_text="With this tag.")
    text = Name(required=False, help_text="With this in its name, title or summary.")


class VersionsQuery(ProcedureTenantQuery, PageQuery):
    pass


class DiffQuery(ProcedureTenantQuery):
    """``from`` cannot be the name of a class attribute in Python."""

    def get_fields(self) -> dict[str, Any]:
        said = {
            "from": "The older one: a version's number, or draft. The newest published if left out.",
            "to": "The newer one: a version's number, or draft. The draft if left out.",
        }
        fields = {name: version_field(required=False, help_text=text) for name, text in said.items()}
        return {**super().get_fields(), **fields}


def version_field(**options: Any) -> serializers.RegexField:
    return serializers.RegexField(r"^(?:draft|[1-9][0-9]{0,8})$", **options)


class ExportQuery(ProcedureTenantQuery):
    format = Choice(formats.RENDERED, default="yaml", help_text="yaml if left out.")
    version = version_field(
        required=False, help_text="A version's number, or draft; the newest published, else the draft, if left out."
    )


class NewProcedureInput(Input):
    document = document()
    name = procedure_name(required=False, help_text="Its name; else the document's, else made from the title.")
    tenant_id = tenant()


class DraftInput(Input):
    document = document()
    based_on = Whole(
        required=False, min_value=1, help_text="The version that it was made from, if that is not what the draft says."
    )


class RebaseInput(Input):
    choices = JSONObject(
        required=False,
        help_text="For each clash its pointer with published, draft, base, both, or an object with a value.",
    )
    preview = Flag(default=False, help_text="Only show what would come of it.")


class PublishInput(Input):
    revision = Whole(min_value=1, help_text="The draft's, as it was looked at.")
    note = Text(max_length=LONGEST_NOTE, help_text="What changed and why.")
    based_on_seen = Whole(
        required=False,
        allow_null=True,
        help_text="The newest published number at that time; null or 0: there was none.",
    )


class ProcedureReasonInput(Input):
    reason = Text(required=False, allow_blank=True, default="", help_text="Why; it stays in the audit trail.")


class TextInput(Input):
    text = Text(max_length=yaml_text.LONGEST, help_text="The procedure as text.")
    format = Choice(formats.FORMATS, default="auto", help_text="auto: the hub finds out which one it is.")
    name = procedure_name(
        required=False, help_text="The procedure that it is; its steps keep their ids. Else the text says it."
    )
    tenant_id = tenant()


class ImportInput(TextInput):
    revision = Whole(default=0, help_text="The draft's, as you saw it; 0: there was none.")
