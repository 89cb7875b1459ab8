"""The door to searching."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from memoryhub.access.api.schema import ACTING_AGENT, example, problem_responses
from memoryhub.access.api.views import HubView
from memoryhub.search.api.inputs import SearchInput, filters_of
from memoryhub.search.api.outputs import SearchOutput
from memoryhub.search.explanations import interpretation
from memoryhub.search.services.search import search

REQUEST = {"query": "dark theme", "scope": "user", "user_id": "user_789", "layer": "long_term", "limit": 20}
ANSWER = {
    "success": True,
    "query": "dark theme",
    "mode": "hybrid",
    "result_count": 1,
    "results": [
        {
            "kind": "entry",
            "id": "0199a3f4-6f0e-7c1d-9d0a-0d6f1a2b3c4d",
            "score": 0.93,
            "entry_id": "0199a3f4-6f0e-7c1d-9d0a-0d6f1a2b3c4d",
            "key": "customer_preference_123",
            "value": {"theme": "dark"},
            "layer": "long_term",
            "priority": "high",
            "updated_at": "2025-10-31T10:00:00Z",
        }
    ],
    "degraded": False,
    "truncated": False,
    "notice": None,
}


class SearchView(HubView):
    @extend_schema(
        operation_id="context_search",
        request=SearchInput,
        responses={200: SearchOutput, **problem_responses(404)},
        parameters=[ACTING_AGENT],
        examples=[example("A user's preferences", REQUEST, request=True), example("What was found", ANSWER)],
        tags=["context"],
    )
    def post(self, request: Request) -> Response:
        """Search entries and messages, or whatever `kinds` names.

        Needs the permission `read`. Finds what the key may see: shared memories, the agent's own and those granted
        to it, and those of the user and session that the request names.
        """
        data = self.read(SearchInput, request)
        answer = search(
            principal=self.principal(request, data),
            query=data["query"],
            mode=data["mode"],
            kinds=data.get("kinds", ()),
            filters=filters_of(data),
            limit=data["limit"],
            explain=data["explain"],
            boost=data.get("boost"),
        )
        read = answer.interpretation
        return Response(
            {
                "success": True,
                "query": answer.query,
                "mode": answer.mode,
                "result_count": len(answer.results),
                "results": answer.results,
                "degraded": answer.degraded,
                "truncated": answer.truncated,
                "notice": answer.notice,
                **({"interpretation": interpretation(read)} if read else {}),
            }
        )
