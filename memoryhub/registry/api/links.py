"""Doors to the relationships of entries."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from memoryhub.access.api.fields import Choice
from memoryhub.access.api.pagination import page
from memoryhub.access.api.schema import PAGE_PARAMETERS, example, page_of, problem_responses
from memoryhub.access.api.serializers import Input, Output
from memoryhub.registry.api.context import EntryView
from memoryhub.registry.api.documents import moment
from memoryhub.registry.api.fields import Fraction, Name
from memoryhub.registry.api.serializers import EntryOutput, NamingPageQuery, NamingQuery
from memoryhub.registry.models import Relationship
from memoryhub.registry.services import relationships
from memoryhub.registry.services.relationships import DEEPEST, DIRECTIONS, MOST_RELATED, Neighbor


class RelationshipInput(Input):
    target_id = serializers.UUIDField(help_text="The entry to link to.")
    relationship_type = Name(max_length=100, help_text="For example supports, contradicts, follows, part_of.")
    strength = Fraction(required=False, default=1.0, help_text="0 to 1.")


class LinkFilters(Input):
    direction = Choice(DIRECTIONS, required=False, default="both", help_text="From the entry, to it, or both.")
    relationship_type = Name(required=False, help_text="Only links of this type.")


class RelationshipsQuery(LinkFilters, NamingPageQuery):
    """A page of the links of an entry."""


class RelatedQuery(LinkFilters, NamingQuery):
    depth = serializers.IntegerField(
        required=False, default=1, min_value=1, max_value=DEEPEST, help_text="How many links away."
    )
    limit = serializers.IntegerField(required=False, default=50, min_value=1, max_value=MOST_RELATED)


class LinkOutput(serializers.Serializer[Any]):
    relationship_id = serializers.UUIDField()
    source_id = serializers.UUIDField()
    target_id = serializers.UUIDField()
    relationship_type = serializers.CharField()
    strength = serializers.FloatField()
    author = serializers.CharField()
    created_at = serializers.DateTimeField()


class MadeLinkOutput(Output, LinkOutput):
    created = serializers.BooleanField(help_text="false: the link was there, and took the new strength.")


class RemovedLinkOutput(Output):
    relationship_id = serializers.UUIDField()


class NeighborOutput(serializers.Serializer[Any]):
    distance = serializers.IntegerField(help_text="How many links away.")
    relationship = LinkOutput(help_text="The strongest link by which it was reached.")
    entry = EntryOutput()


class RelatedOutput(Output):
    entry_id = serializers.UUIDField()
    results = NeighborOutput(many=True, help_text="Nearest first, then strongest first.")
    truncated = serializers.BooleanField(help_text="There are more than limit.")


def link_document(link: Relationship) -> dict[str, Any]:
    return {
        "relationship_id": str(link.pk),
        "source_id": str(link.source_id),
        "target_id": str(link.target_id),
        "relationship_type": link.relationship_type,
        "strength": link.strength,
        "author": link.author,
        "created_at": moment(link.created_at),
    }


def neighbor_document(found: Neighbor) -> dict[str, Any]:
    entry = {"success": True, **found.entry.members}
    return {"distance": found.distance, "relationship": link_document(found.link), "entry": entry}


class RelationshipsView(EntryView):
    permissions = {"POST": "write"}

    @extend_schema(
        operation_id="context_relationships",
        summary="The relationships of an entry",
        description="Those whose other end you may read, too. Newest first. Needs `read`.",
        parameters=[RelationshipsQuery, *PAGE_PARAMETERS],
        responses={200: page_of(LinkOutput, "RelationshipPage"), **problem_responses(404, 409)},
        tags=["context"],
    )
    def get(self, request: Request, entry_id: UUID) -> Response:
        query = self.read(RelationshipsQuery, request, query=True)
        principal = self.principal(request, query)
        wanted = {"direction": query["direction"], "relationship_type": query.get("relationship_type")}
        return page(
            request,
            relationships.of_entry(entry_id, principal=principal, **wanted),
            principal=principal,
            query=query,
            render=lambda rows: [link_document(row) for row in rows],
        )

    @extend_schema(
        operation_id="context_relate",
        summary="Relate an entry to another one",
        description="The same relationship again takes the new strength (200). You must be able to write the entry and "
        "to read the other one. Needs `write`.",
        request=RelationshipInput,
        parameters=[NamingQuery],
        responses={200: MadeLinkOutput, 201: MadeLinkOutput, **problem_responses(404, 409, 422)},
        examples=[
            example(
                "It supports another memory",
                {
                    "target_id": "019cac5b-6f25-7c8a-8d3e-1f2a3b4c5d6e",
                    "relationship_type": "supports",
                    "strength": 0.8,
                },
                request=True,
            )
        ],
        tags=["context"],
    )
    def post(self, request: Request, entry_id: UUID) -> Response:
        data = self.read(RelationshipInput, request)
        made = relationships.relate(entry_id, principal=self.caller(request), **data)
        document = {"success": True, **link_document(made.link), "created": made.created}
        return Response(document, status=HTTPStatus.CREATED if made.created else HTTPStatus.OK)


class RelationshipView(EntryView):
    permissions = {"DELETE": "write"}

    @extend_schema(
        operation_id="context_unrelate",
        summary="Remove a relationship",
        description="You must be able to write the entry that it starts from. Needs `write`.",
        parameters=[NamingQuery],
        responses={200: RemovedLinkOutput, **problem_responses(404)},
        tags=["context"],
    )
    def delete(self, request: Request, entry_id: UUID, relationship_id: UUID) -> Response:
        relationships.unrelate(entry_id, relationship_id, principal=self.caller(request))
        return Response({"success": True, "relationship_id": str(relationship_id)})


class RelatedView(EntryView):
    @extend_schema(
        operation_id="context_related",
        summary="Entries related to an entry",
        description=f"Up to {DEEPEST} links away, at most {MOST_RELATED}; only entries and links that you may read. "
        "Needs `read`.",
        parameters=[RelatedQuery],
        responses={200: RelatedOutput, **problem_responses(404, 409)},
        tags=["context"],
    )
    def get(self, request: Request, entry_id: UUID) -> Response:
        query = self.read(RelatedQuery, request, query=True)
        wanted = {name: query[name] for name in ("depth", "direction", "limit")}
        found = relationships.related(
            entry_id,
            principal=self.principal(request, query),
            relationship_type=query.get("relationship_type"),
            **wanted,
        )
        return Response(
            {
                "success": True,
                "entry_id": str(entry_id),
                "results": [neighbor_document(neighbor) for neighbor in found.neighbors],
                "truncated": found.truncated,
            }
        )
