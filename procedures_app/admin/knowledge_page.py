"""What the page of one piece of knowledge shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from memoryhub.registry.admin.entry_page import Line, lines, number, sees
from memoryhub.registry.diffs import compare
from procedures_app.models import CapturedError, Knowledge, KnowledgeVersion, Solution
from procedures_app.selectors_knowledge import grounds_of, prior_words, rate_words
from procedures_app.services.rates import best_first

ERRORS_SHOWN = 10
VERSIONS_SHOWN = 20
REPLACED_SHOWN = 20
#: Versions to compare, in the address: ``?compare=3&with=5``.
FROM, TO, BEFORE = "compare", "with", "before"


@dataclass(frozen=True, slots=True)
class SolutionRow:
    """A solution as the page shows it; ``share`` is its rate in whole percent."""

    solution: Solution
    words: str

    @property
    def share(self) -> int:
        return round(self.solution.success_rate * 100)

    @property
    def active(self) -> bool:
        return self.solution.status == Solution.Status.ACTIVE


@dataclass(frozen=True, slots=True)
class Comparison:
    old: KnowledgeVersion
    new: KnowledgeVersion
    lines: list[Line]


def context(knowledge: Knowledge, request: HttpRequest) -> dict[str, Any]:
    """For ``procedures/knowledge.html``. Lists that the user may not see are None."""
    versions = knowledge.versions.defer("document")
    before = number(request.GET.get(BEFORE))
    shown = list((versions.filter(version__lt=before) if before else versions)[: VERSIONS_SHOWN + 1])
    return {
        "knowledge": knowledge,
        "content_text": knowledge.content if isinstance(knowledge.content, str) else "",
        # what the hub made of an error by itself says nothing beside the template
        "bare": knowledge.content == {"error": knowledge.template},
        "grounds": grounds_of(knowledge),
        "solutions": solutions(knowledge),
        "prior": prior_words(),
        "errors": errors(knowledge) if sees(request, "procedures_app.view_capturederror") else None,
        "versions": shown[:VERSIONS_SHOWN],
        "older": shown[VERSIONS_SHOWN - 1].version if len(shown) > VERSIONS_SHOWN else None,
        "comparison": comparison(knowledge, request),
        "replaced": list(knowledge.replaces.only("title", "status")[:REPLACED_SHOWN]),
    }


def solutions(knowledge: Knowledge) -> list[SolutionRow]:
    """Active ones in the order in which agents are given them, then the retired ones."""
    found = list(knowledge.solutions.all())
    retired = [each for each in found if each.status != Solution.Status.ACTIVE]
    return [SolutionRow(each, rate_words(each)) for each in [*best_first(found), *retired]]


def errors(knowledge: Knowledge) -> list[CapturedError]:
    return list(knowledge.errors.defer("context")[:ERRORS_SHOWN])


def comparison(knowledge: Knowledge, request: HttpRequest) -> Comparison | None:
    """Of the two versions that the address names, the older first."""
    named = [number(request.GET.get(FROM)), number(request.GET.get(TO))]
    found = {each.version: each for each in knowledge.versions.filter(version__in=[n for n in named if n])}
    if None in named or len(found) != 2:
        return None
    old, new = (found[n] for n in sorted(found))
    return Comparison(old, new, lines(compare(old.document, new.document)))
