"""What this house may refuse."""

from __future__ import annotations

from memoryhub.access.exceptions import Conflict, PreconditionRequired, VersionStale


class ConsultationRequired(PreconditionRequired):
    """This kind of work needs a consultation first. Call operations/begin, then repeat with Consultation-Token."""

    code = "consultation_required"


class ProcedureRequired(PreconditionRequired):
    """Work of this kind ends well only with a completed run of its procedure. Start the run and complete it first."""

    code = "procedure_required"


class StepRequired(Conflict):
    """Another step comes first. Do the required step, or ask for approval to skip it."""

    code = "step_required"
    #: What has to be written down about the attempt, where the request that made it is undone.
    shortcut: object = None


class EvidenceMissing(Conflict):
    """The step requires evidence that was not handed in, or does not fit. Hand in what errors lists."""

    code = "evidence_missing"


class LeaseLost(Conflict):
    """This step is no longer yours: the lease ended or another agent took it. Ask for the next step again."""

    code = "lease_lost"


class RunNotOpen(Conflict):
    """The run is over, paused or waits for a person. Look at its status."""

    code = "run_not_open"


class RunMoved(Conflict):
    """The run went on since you looked. Look again and decide anew."""

    code = "run_moved"


class AlreadyDecided(Conflict):
    """Somebody decided this already."""

    code = "already_decided"


class PreconditionFailed(Conflict):
    """A precondition of the procedure does not hold. See which one, and mend it first."""

    code = "precondition_failed"


class OperationEnded(Conflict):
    """This operation has ended: its token is good for nothing more. Begin a new one."""

    code = "operation_ended"


class RuleStale(VersionStale):
    """This rule was changed since the version that you named. Read it again and repeat."""


class DraftStale(VersionStale):
    """The draft was changed since the revision that you named. Read it again and repeat."""


class NotPublished(Conflict):
    """This procedure has no published version yet. Publish its draft first."""

    code = "not_published"


class KnowledgeStale(VersionStale):
    """This knowledge was changed since the version that you named. Read it again and repeat."""


class ProcedureRetired(Conflict):
    """This procedure is retired: nothing new follows it. Activate it first, or choose another one."""

    code = "procedure_retired"


class ProcedureInUse(Conflict):
    """Others depend on this procedure. Change them first."""

    code = "procedure_in_use"


class PublishedMoved(Conflict):
    """A newer version was published meanwhile. Bring its changes into your draft, then publish."""

    code = "published_moved"


class DraftHasErrors(Conflict):
    """The draft has errors, so that runs would break. Mend what errors lists, then publish."""

    code = "draft_has_errors"


class ChoicesMissing(Conflict):
    """The draft and the published version changed the same things. Choose for each of what errors lists."""

    code = "choices_missing"


class ProcedureExists(Conflict):
    """There is a procedure of this name already. Change its draft instead."""

    code = "procedure_exists"


class KnowledgeNotActive(Conflict):
    """This knowledge was replaced or archived. Change what took its place, or restore it first."""

    code = "knowledge_not_active"


class SignatureTaken(Conflict):
    """Another active problem has the same signature. Merge the two, or supersede the other one first."""

    code = "signature_taken"
