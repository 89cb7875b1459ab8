"""The tables of this house."""

from procedures_app.models.knowledge import CapturedError, Feedback, Knowledge, KnowledgeVersion, Solution
from procedures_app.models.operations import (
    ANY_KIND,
    MEMORY_WRITE,
    EnforcementRule,
    Mode,
    Operation,
    WorkRecord,
)
from procedures_app.models.procedures import OnFailure, Procedure, ProcedureStep, ProcedureVersion, StepKind
from procedures_app.models.runs import Approval, Run, RunEvent, StepRun

__all__ = [
    "ANY_KIND",
    "MEMORY_WRITE",
    "Approval",
    "CapturedError",
    "EnforcementRule",
    "Feedback",
    "Knowledge",
    "KnowledgeVersion",
    "Mode",
    "OnFailure",
    "Operation",
    "Procedure",
    "ProcedureStep",
    "ProcedureVersion",
    "Run",
    "RunEvent",
    "Solution",
    "StepKind",
    "StepRun",
    "WorkRecord",
]
