"""What work needs a consultation first: the rules of a tenant by kind of work, and the check that they are kept."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from memoryhub.access.exceptions import Conflict, Invalid, NotFound
from memoryhub.access.principals import Principal
from memoryhub.access.remembered import Remembered
from memoryhub.access.services import audit
from memoryhub.access.walls import behind_walls, verb
from procedures_app.exceptions import ConsultationRequired, NotPublished, ProcedureRequired, RuleStale
from procedures_app.models import (
    ANY_KIND,
    MEMORY_WRITE,
    EnforcementRule,
    Mode,
    Operation,
    Procedure,
    ProcedureVersion,
    Run,
)
from procedures_app.services.consultations import Lack, consulted
from procedures_app.services.governing import require_governor

BEGIN = "/memory/operations/begin"
RUNS = "/memory/runs"
GENERAL = "general"
LONGEST_KIND = 60
NO_RULE = "There is no rule for this kind of work."
#: The milder first.
SEVERITY = [Mode.OFF, Mode.ADVISE, Mode.STRICT]


@dataclass(frozen=True, slots=True)
class Rule:
    """What holds for a kind of work; ``procedure`` is the name of the one it has to follow, or empty."""

    mode: Mode
    procedure: str = ""


Rules = dict[str, Rule]
_rules: Remembered[str, Rules] = Remembered(lambda: settings.CONFIG.access.key_cache_seconds)


def forget_cached_rules() -> None:
    _rules.clear()


def canonical_kind(kind: str) -> str:
    """The one spelling of a kind: ``Prod Deploy``, ``prod-deploy`` and ``PROD_DEPLOY`` are ``prod_deploy``.

    Invalid for a name without a Latin letter or digit, and for one longer than 60 characters.
    """
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", kind).casefold())
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    found = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    if not found or len(found) > LONGEST_KIND:
        raise Invalid("kind", f"Name the kind of work in 1 to {LONGEST_KIND} letters and digits, such as deployment.")
    return found


def rules_of(principal: Principal) -> Rules:
    """All rules of the principal's tenant by kind, remembered as long as credentials are."""
    return _rules.get(principal.tenant_id or "", lambda: read_rules(principal))


def read_rules(principal: Principal) -> Rules:
    with behind_walls(principal):
        rows = EnforcementRule.objects.filter(tenant_id=principal.tenant_id).values_list(
            "kind", "mode", "procedure__name"
        )
        return {kind: Rule(Mode(mode), procedure or "") for kind, mode, procedure in rows}


def rule_for(kind: str, *, principal: Principal) -> Rule:
    """The rule of a kind in its canonical form: its own, else that of ``*``, else the setting.

    What agents write at large (``memory_write``) is enforced by a rule of its own or not at all.
    """
    rules = rules_of(principal)
    if kind == MEMORY_WRITE:
        return rules.get(kind, Rule(Mode.OFF))
    return rules.get(kind) or rules.get(ANY_KIND) or Rule(Mode(settings.CONFIG.procedures.enforcement))


def mode_of(kind: str, *, principal: Principal) -> Mode:
    """What is enforced for a kind of work in the principal's tenant."""
    return rule_for(canonical_kind(kind), principal=principal).mode


def mode_for_work(kind: str, *, principal: Principal) -> Mode:
    """As ``mode_of``; but work that calls itself ``memory_write`` gets away with no less than any other."""
    modes = [rule_for(kind, principal=principal).mode]
    if kind == MEMORY_WRITE:
        modes.append(rule_for(ANY_KIND, principal=principal).mode)
    return max(modes, key=SEVERITY.index)


def check(kind: str, *, principal: Principal) -> Operation | None:
    """The operation of this kind that the caller has begun and is at work on; None where it need not have.

    Within a transaction the operation does not end before that does. Raises ConsultationRequired in strict mode
    without a good token. People and the hub's own jobs are no agents: nothing is asked of them.
    """
    kind = canonical_kind(kind)
    found = consulted(principal, hold="share")
    if found.operation is not None and found.operation.kind == kind:
        return found.operation
    if principal.kind == "key" and mode_for_work(kind, principal=principal) is Mode.STRICT:
        raise required(kind, found.lack or Lack.OTHER_KIND)
    return None


def require_run(kind: str, operation: Operation | None, *, principal: Principal) -> None:
    """Where the kind has to follow a procedure: the operation needs a completed run of it. Its version is no
    older than the one that held when the operation began. Raises ProcedureRequired."""
    rule = rule_for(kind, principal=principal)
    if principal.kind != "key" or rule.mode is not Mode.STRICT or not rule.procedure:
        return
    if operation is None or not followed_to_the_end(rule.procedure, operation):
        message = (
            f"Work of the kind '{kind}' ends well only with a completed run of the procedure '{rule.procedure}'. "
            f"Send POST {RUNS} with it and your Consultation-Token, complete the run, then repeat this request."
        )
        operation_id = str(operation.pk) if operation else None
        raise ProcedureRequired(message, kind=kind, procedure=rule.procedure, operation_id=operation_id, runs=RUNS)


def followed_to_the_end(procedure: str, operation: Operation) -> bool:
    held = ProcedureVersion.objects.filter(
        procedure=OuterRef("procedure"), status="published", published_at__lte=operation.begun_at
    )
    oldest = Coalesce(Subquery(held.order_by("-number").values("number")[:1]), 0)
    runs = Run.objects.filter(operation=operation, procedure__name=procedure, status=Run.Status.COMPLETED, parent=None)
    return runs.filter(procedure_version__number__gte=oldest).exists()


def demanding(procedure: str, *, principal: Principal) -> Operation | None:
    """The operation that the caller is at work on, if the strict rule of its kind demands this procedure."""
    found = consulted(principal, hold="share").operation
    if found is None:
        return None
    rule = rule_for(found.kind, principal=principal)
    return found if (rule.mode, rule.procedure) == (Mode.STRICT, procedure) else None


def guard(principal: Principal) -> None:
    """Before whatever an agent writes: strict for ``memory_write`` asks for a consultation of any kind."""
    if principal.kind != "key" or principal.tenant_id is None:
        return
    if rule_for(MEMORY_WRITE, principal=principal).mode is Mode.STRICT:
        found = consulted(principal)
        if found.lack is not None:
            raise required(MEMORY_WRITE, found.lack)


def required(kind: str, lack: Lack) -> ConsultationRequired:
    what = "Writing to memory" if kind == MEMORY_WRITE else f"Work of the kind '{kind}'"
    message = (
        f"{what} needs a consultation first: {lack.value}. Send POST {BEGIN} with your task"
        f"{'' if kind == MEMORY_WRITE else f' and kind {kind}'}, then repeat this request with the header "
        "Consultation-Token set to the consultation_token that you get, as the same agent with the same key."
    )
    return ConsultationRequired(message, kind=kind, begin=BEGIN, lack=lack.name.lower())


@verb
def set_rule(
    kind: str,
    *,
    principal: Principal,
    mode: str,
    procedure: str | None = None,
    note: str = "",
    if_version: int | None = None,
) -> EnforcementRule:
    """Makes or replaces the rule for a kind, ``*`` or ``memory_write``. For governors.

    It holds here at once, in other processes within ``access.key_cache_seconds``. Invalid for an unknown mode and
    for a procedure with ``memory_write``; NotFound, NotPublished or Conflict for a procedure that cannot be
    followed; RuleStale where ``if_version`` (0: there is none) is not the rule's version.
    """
    require_governor(principal)
    name, inside = rule_kind(kind), tenant_of(principal)
    known = EnforcementRule.objects.select_for_update().filter(tenant_id=inside, kind=name).first()
    check_version(known, if_version)
    wanted = {"mode": checked_mode(mode), "procedure": followed(procedure, name, principal), "note": note}
    rule = changed(known, wanted, principal) if known else made(inside, name, wanted, principal)
    forget_soon()
    return rule


@verb
def remove_rule(kind: str, *, principal: Principal, if_version: int | None = None) -> str:
    """Takes the rule of a kind away: what holds then is the rule of ``*``, or the setting. For governors.

    Gives the kind in its canonical form. Raises NotFound, RuleStale.
    """
    require_governor(principal)
    name = known_kind(kind)
    known = EnforcementRule.objects.select_for_update().filter(tenant_id=tenant_of(principal), kind=name).first()
    if known is None:
        raise NotFound(NO_RULE)
    check_version(known, if_version)
    old = described(known)
    record("procedures.rule.removed", known, principal, old=old)
    known.delete()
    forget_soon()
    return name


def rule_kind(kind: str) -> str:
    return ANY_KIND if kind.strip() == ANY_KIND else canonical_kind(kind)


def known_kind(kind: str) -> str:
    try:
        return rule_kind(kind)
    except Invalid as error:
        raise NotFound(NO_RULE) from error


def tenant_of(principal: Principal) -> str:
    if principal.tenant_id is None:
        raise Invalid("tenant_id", "Name the tenant that the rule is for.")
    return principal.tenant_id


def check_version(rule: EnforcementRule | None, if_version: int | None) -> None:
    if if_version is not None and if_version != (rule.version if rule else 0):
        raise RuleStale(current_version=rule.version if rule else None)


def checked_mode(mode: str) -> Mode:
    if mode not in Mode.values:
        raise Invalid("mode", f"Choose one of: {', '.join(Mode.values)}.")
    return Mode(mode)


def followed(name: str | None, kind: str, principal: Principal) -> Procedure | None:
    """The procedure that a rule is to require: one that runs can be started of, and that nobody retires now."""
    if not name:
        return None
    if kind == MEMORY_WRITE:
        raise Invalid("procedure", "Writing to memory follows no procedure. Require it for a kind of work.")
    found: Procedure | None = (
        Procedure.objects.visible_to(principal).filter(name=name).select_for_update(no_key=True).first()
    )
    if found is None:
        raise NotFound(f"There is no procedure '{name}'.")
    if found.status != Procedure.Status.ACTIVE:
        message = f"The procedure '{name}' is retired. Activate it first, or require another."
        raise Conflict(message, code="procedure_retired")
    if found.current_id is None:
        raise NotPublished()
    return found


def made(tenant_id: str, kind: str, wanted: dict[str, Any], principal: Principal) -> EnforcementRule:
    try:
        with transaction.atomic():
            rule = EnforcementRule.objects.create(tenant_id=tenant_id, kind=kind, changed_by=principal.actor, **wanted)
    except IntegrityError as error:
        raise RuleStale("Somebody else made a rule for this kind just now. Read it and repeat.") from error
    record("procedures.rule.set", rule, principal, new=described(rule))
    return rule


def changed(rule: EnforcementRule, wanted: dict[str, Any], principal: Principal) -> EnforcementRule:
    old = described(rule)
    for field, value in wanted.items():
        setattr(rule, field, value)
    if described(rule) == old:
        return rule
    rule.version, rule.changed_by, rule.updated_at = rule.version + 1, principal.actor, timezone.now()
    rule.save(update_fields=[*wanted, "version", "changed_by", "updated_at"])
    record("procedures.rule.set", rule, principal, old=old, new=described(rule))
    return rule


def described(rule: EnforcementRule) -> dict[str, Any]:
    procedure = rule.procedure.name if rule.procedure else None
    return {"kind": rule.kind, "mode": rule.mode, "procedure": procedure, "note": rule.note}


def record(action: str, rule: EnforcementRule, principal: Principal, **values: Any) -> None:
    audit.record(action, principal=principal, tenant_id=rule.tenant_id, object_type="rule", object_id=rule.pk, **values)


def forget_soon() -> None:
    """At once for what follows here, and again when others can read it: one of them may have asked in between."""
    forget_cached_rules()
    transaction.on_commit(forget_cached_rules)
