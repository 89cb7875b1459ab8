"""What memory advises for a task: the procedure or solution to follow, how sure that is, and what to beware of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from memoryhub.access.exceptions import Invalid
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls
from procedures_app import wording
from procedures_app.confidence import APPROACH, HIGHEST, confidence
from procedures_app.models import Mode
from procedures_app.services import enforcement, remedies, work
from procedures_app.services.enforcement import Rule
from procedures_app.services.remedies import Advised
from procedures_app.services.similar import Looked, agent_reach, look
from procedures_app.services.work import Similar

Document = dict[str, Any]
MOST_SHOWN = 5
LONGEST_TASK = 4000
#: Less is no recommendation.
LEAST = 0.1
#: Work this like the task says what may go wrong with it.
TELLING = 0.6
#: The newest such pieces of work that warnings speak of.
LOOKED_BACK = 10
BY_WORDS = "Memory was searched by words alone: no model that knows meanings is ready."


@dataclass(frozen=True, slots=True)
class Asked:
    task: str
    kind: str
    context: Any
    task_id: str | None
    rule: Rule


def contextual(
    task: str, *, principal: Principal, kind: str = enforcement.GENERAL, context: Any = None, task_id: str | None = None
) -> Document:
    """Guidance for a task; ``confidence`` above ``procedures.confident`` is fit to follow.

    ``{"confidence": 0..1, "confident": bool, "primary_recommendation": {"type", "name", "title", "why", …} | None,
    "similar_work": […], "known_solutions": […], "procedures": […], "warnings": [{"code", "text"}],
    "already_done": {…} | None}``. What is about users that the caller does not name stays out of it. Raises Invalid,
    ScopeMissing without ``read``, TenantNeeded.
    """
    principal.require("read")
    kind = enforcement.canonical_kind(kind)
    asked = Asked(checked_task(task), kind, context, task_id, enforcement.rule_for(kind, principal=principal))
    with behind_walls(agent_reach(principal)):  # one transaction for all that is read
        return advised(asked, principal)


def advised(asked: Asked, principal: Principal) -> Document:
    looked = look(asked.task, asked.context, principal=principal)
    like = work.similar(looked, asked.kind, principal=principal)
    procedures = remedies.procedures(looked, asked.kind, principal=principal)
    solutions = remedies.solutions(looked, asked.context, principal=principal)
    of_task = [one for one in like if not one.about]
    best = recommended(asked, of_task, procedures, solutions, principal)
    done = work.check_found(asked.task, asked.context, asked.task_id, like, principal=principal)
    sure = best.confidence if best else 0.0
    return {
        "confidence": round(sure, 4),
        "confident": sure > settings.CONFIG.procedures.confident,
        "primary_recommendation": best.document if best else None,
        "similar_work": [work_document(one) for one in like[:MOST_SHOWN]],
        "known_solutions": [one.document | {"confidence": round(one.confidence, 4)} for one in solutions[:MOST_SHOWN]],
        "procedures": [one.document | {"confidence": round(one.confidence, 4)} for one in procedures[:MOST_SHOWN]],
        "warnings": warnings(asked, looked, like, done),
        "already_done": work.checked_document(done) if done.done else None,
    }


def checked_task(task: str) -> str:
    text = task.strip()
    if not text or len(text) > LONGEST_TASK:
        raise Invalid("task", f"Say in 1 to {LONGEST_TASK} characters what is to be done.")
    return text


# -- what to follow ---------------------------------------------------------------------------------------


def recommended(
    asked: Asked,
    like: Sequence[Similar],
    procedures: Sequence[Advised],
    solutions: Sequence[Advised],
    principal: Principal,
) -> Advised | None:
    """What a rule demands, else the surest of all; procedures before solutions before what was done before."""
    demanded = by_rule(asked.rule, principal)
    if demanded:
        return demanded
    candidates = [*procedures[:1], *solutions[:1], *approaches(like)]
    best = max(candidates, key=lambda one: one.confidence, default=None)
    return best if best and best.confidence >= LEAST else None


def by_rule(rule: Rule, principal: Principal) -> Advised | None:
    """Only what a strict rule requires is certain."""
    if rule.mode is Mode.OFF or not rule.procedure:
        return None
    strict = rule.mode is Mode.STRICT
    why = "A rule of the tenant requires it for this kind of work." if strict else "A rule of the tenant advises it."
    known = remedies.published(rule.procedure, principal=principal)
    return Advised(1.0 if strict else HIGHEST, known | {"why": why, "required": strict})


def approaches(like: Sequence[Similar]) -> list[Advised]:
    """What the most alike work that went well did. It is advised the surer the more of its like went well."""
    good = next((one for one in like if one.record.success), None)
    if good is None:
        return []
    alike = [one.record.success for one in like if one.likeness >= TELLING]
    sure = confidence(APPROACH, likeness=good.likeness, successes=alike.count(True), failures=alike.count(False))
    why = f"{work.says(good.record, 'input')} {alike.count(True)} of {len(alike)} pieces of work like this went well."
    record = good.record
    document = {"type": "approach", "name": record.action, "title": record.action, "why": why, "work": str(record.pk)}
    return [Advised(sure, document)]


# -- what to beware of ------------------------------------------------------------------------------------


def warnings(
    asked: Asked, looked: Sequence[Looked], like: Sequence[Similar], done: work.Checked
) -> list[dict[str, str]]:
    found: dict[str, str | None] = {
        "already_done": done.says if done.done else None,
        "tried_before": done.says if done.by and not done.done else None,
        "procedure_required": required(asked.rule),
        "past_failures": past_failures([one for one in like if not one.about]),
        "context_failures": context_failures([one for one in like if one.about]),
        "degraded": BY_WORDS if any(one.degraded for one in looked) else None,
    }
    return [{"code": code, "text": text} for code, text in found.items() if text]


def required(rule: Rule) -> str | None:
    if rule.mode is not Mode.STRICT or not rule.procedure:
        return None
    return f"Work of this kind ends well only with a completed run of the procedure '{rule.procedure}'."


def past_failures(like: Sequence[Similar]) -> str | None:
    """``The last 2 of 3 pieces of work like this failed: …``, of the newest ones that are much like the task."""
    telling = [one.record for one in like if one.likeness >= TELLING and one.record.success is not None]
    newest = sorted(telling, key=lambda record: record.created_at, reverse=True)[:LOOKED_BACK]
    failed = [record for record in newest if not record.success]
    if not failed:
        return None
    last = newest[: len(failed)] == failed
    share = f"The last {len(failed)} of {len(newest)}" if last else f"{len(failed)} of the last {len(newest)}"
    things = "piece" if len(newest) == 1 else "pieces"
    reasons = dict.fromkeys(wording.short(record.error_message) for record in failed if record.error_message)
    told = "; ".join([*reasons][:3]) or "no reason was given"
    return f"{share} {things} of work like this failed: {told}. The newest: {wording.when(failed[0].created_at)}."


def context_failures(like: Sequence[Similar]) -> str | None:
    """``Work on “Fixed auth bug” failed before: sessions were lost (…).`` for what the context speaks of."""
    failed = [one for one in like if one.record.success is False]
    told = dict.fromkeys(
        f"Work on “{wording.short(one.about)}” failed before: "
        f"{wording.short(one.record.error_message) or 'no reason was given'} ({wording.when(one.record.created_at)})."
        for one in failed
    )
    return " ".join([*told][:3]) or None


def work_document(one: Similar) -> Document:
    told = {"likeness": round(one.likeness, 4), "about": one.about, "says": work.says(one.record, "input")}
    return work.document(one.record) | told
