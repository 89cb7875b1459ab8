"""What follows from a view itself is written into its description here, so that no view can forget or misstate it.

The permission, the acting agent's header, safe repetition, the common refusals and the headers of every
answer come from the same attributes that the view works by.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter

from memoryhub.access.api.problems import MEDIA_TYPE
from memoryhub.access.api.schema import ACTING_AGENT, CONSULTATION_TOKEN, IDEMPOTENCY_KEY, UNCONSULTED, problem
from memoryhub.access.api.serializers import Input
from memoryhub.access.api.views import HubView

Operation = dict[str, Any]
WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
BODY_PROBLEMS = frozenset({413, 415})
#: Written once, under components; answers refer to them.
HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": {
        "description": "Names this request in the audit trail and the log; yours, if you sent one.",
        "schema": {"type": "string"},
    },
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}},
    "WWW-Authenticate": {"description": "How to authenticate.", "schema": {"type": "string"}},
}
HEADERS_OF = {"401": ("WWW-Authenticate",), "429": ("Retry-After",), "503": ("Retry-After",)}


class HubSchema(AutoSchema):
    """Completes what ``@extend_schema`` says of a HubView's method."""

    def get_operation(self, *args: Any, **kwargs: Any) -> Operation | None:
        operation: Operation | None = super().get_operation(*args, **kwargs)
        if operation is not None and isinstance(self.view, HubView):
            self.complete(operation, self.view)
        return operation

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> dict[str, Any]:
        schema: dict[str, Any] = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        if is_input(serializer):
            schema["additionalProperties"] = False  # an Input refuses fields that it does not know
        return schema

    def complete(self, operation: Operation, view: HubView) -> None:
        public = not view.permission_classes
        text = operation.get("description", "")
        operation.setdefault("summary", first_sentence(text))
        operation["description"] = text if public else with_permission(text, view.needed_permission(self.method))
        repeatable = self.method == "POST" and not public and view.is_repeatable()
        guarded = not public and view.consults and view.needed_permission(self.method) != "read"
        self.add_headers(operation, self.headers_for(public=public, repeatable=repeatable, guarded=guarded))
        for code in sorted(self.problems_of(view, public=public, repeatable=repeatable)):
            self.add_problem(operation, code)
        if guarded:
            self.add_problem(operation, 428, UNCONSULTED)
        if self.method not in WITH_BODY:
            for code in BODY_PROBLEMS:
                operation["responses"].pop(str(code), None)
        for code, answer in operation["responses"].items():
            answer.setdefault("headers", {}).update(headers_of(code))

    def add_problem(self, operation: Operation, code: int, meaning: str | None = None) -> None:
        found = self._get_response_for_code(problem(code, meaning), str(code), [MEDIA_TYPE])  # type: ignore[no-untyped-call]
        operation["responses"].setdefault(str(code), found)

    def headers_for(self, *, public: bool, repeatable: bool, guarded: bool) -> list[OpenApiParameter]:
        wanted = [(ACTING_AGENT, not public), (IDEMPOTENCY_KEY, repeatable), (CONSULTATION_TOKEN, guarded)]
        return [header for header, needed in wanted if needed]

    def problems_of(self, view: HubView, *, public: bool, repeatable: bool) -> set[int]:
        codes = {401, 429, 503} | (set() if public else {400, 403})
        if self.method in WITH_BODY:
            codes |= BODY_PROBLEMS
        if "{" in self.path:
            codes.add(404)
        return codes | ({409, 422} if repeatable else set())

    def add_headers(self, operation: Operation, wanted: list[OpenApiParameter]) -> None:
        known = {one["name"] for one in operation.get("parameters", [])}
        for one in wanted:
            if one.name not in known:
                schema = {"type": "string", "pattern": one.pattern}
                operation.setdefault("parameters", []).append(
                    {"in": "header", "name": one.name, "schema": schema, "description": one.description}
                )


def is_input(serializer: Any) -> bool:
    return issubclass(serializer, Input) if isinstance(serializer, type) else isinstance(serializer, Input)


def first_sentence(text: str) -> str:
    return text.strip().split("\n", 1)[0].split(". ", 1)[0].rstrip(".")


def with_permission(text: str, permission: str) -> str:
    """The description, ending with the permission unless it names it already."""
    return text if f"`{permission}`" in text else f"{text}\n\nNeeds the permission `{permission}`.".strip()


def headers_of(code: str) -> dict[str, dict[str, str]]:
    names = ("X-Request-Id", *HEADERS_OF.get(code, ()))
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
