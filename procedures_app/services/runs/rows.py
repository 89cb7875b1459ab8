"""The rows of a turn, read and written by statements that are put together once.

Every step of every run takes them: to have each written anew from models took most of a turn's time. What a caller may
see is decided before, by the predicate that all reads go through; here a run is known and locked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Model

from memoryhub.access.trips import Statement
from procedures_app.models import Operation, Procedure, ProcedureStep, ProcedureVersion, Run, RunEvent, StepRun

M = TypeVar("M", bound=Model)
Values = Sequence[Any]


def columns(model: type[Model], alias: str) -> str:
    return ", ".join(f'{alias}."{field.column}"' for field in model._meta.concrete_fields)


def made(model: type[M], values: Values) -> M:
    """An instance of the model's columns, in their order."""
    names, readers = fields_of(model)
    read = list(values)
    for place, reader in readers:
        read[place] = reader(read[place], None, connection)
    return model.from_db(DEFAULT_DB_ALIAS, names, read)


@cache
def fields_of(model: type[Model]) -> tuple[list[str], list[tuple[int, Callable[..., Any]]]]:
    """Names of the columns, and the places of those that the database gives as text, such as JSON."""
    fields = model._meta.concrete_fields
    readers = [(place, field.from_db_value) for place, field in enumerate(fields) if hasattr(field, "from_db_value")]
    return [field.attname for field in fields], readers


def cut(values: Values, *models: type[Model]) -> list[Values]:
    """The columns of each of the models, and what comes after them."""
    parts = []
    for model in models:
        end = len(fields_of(model)[0])
        parts.append(values[:end])
        values = values[end:]
    return [*parts, values]


# -- reading ------------------------------------------------------------------------------------------


@cache
def run_statement() -> str:
    """A run with what its turn needs of others, the run locked."""
    of = columns(Run, "r"), columns(Procedure, "p"), columns(ProcedureVersion, "v"), columns(Operation, "o")
    return f"""SELECT {", ".join((*of, columns(StepRun, "s")))}
        FROM procedure_runs r
        JOIN operational_procedures p ON p.id = r.procedure_id
        JOIN procedure_versions v ON v.id = r.procedure_version_id
        LEFT JOIN memory_operations o ON o.id = r.operation_id
        LEFT JOIN procedure_step_runs s ON s.id = r.parent_id
        WHERE r.id = %s AND (r.parent_id IS NULL OR NOT %s) FOR UPDATE OF r"""


def locked(run_id: UUID, *, topmost: bool = False) -> tuple[Run, list[StepRun], datetime | None] | None:
    """The run and its steps in order, and what the clock says now that they are read, where there is a step.

    The steps are read by a statement of its own, once the lock is held: before it, somebody else may have changed
    them. ``topmost``: only a run that stands below no other.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"{run_statement()}; {steps_statement()}", [run_id, topmost, run_id])
        row = cursor.fetchone()
        cursor.nextset()
        of_steps = cursor.fetchall()
    if row is None:
        return None
    return run_of(row), [step_of(one) for one in of_steps], of_steps[0][-1] if of_steps else None


def run_of(row: Values) -> Run:
    of_run, procedure, version, operation, parent, _ = cut(row, Run, Procedure, ProcedureVersion, Operation, StepRun)
    run = made(Run, of_run)
    run.procedure, run.procedure_version = made(Procedure, procedure), made(ProcedureVersion, version)
    run.operation = made(Operation, operation) if operation[0] else None
    run.parent = made(StepRun, parent) if parent[0] else None
    return run


@cache
def steps_statement() -> str:
    return f"""SELECT {columns(StepRun, "s")}, {columns(ProcedureStep, "d")}, clock_timestamp()
        FROM procedure_step_runs s JOIN procedure_steps d ON d.id = s.definition_id
        WHERE s.run_id = %s ORDER BY s.position"""


def step_of(row: Values) -> StepRun:
    of_step, definition, _ = cut(row, StepRun, ProcedureStep)
    step = made(StepRun, of_step)
    step.definition = made(ProcedureStep, definition)
    return step


# -- writing ------------------------------------------------------------------------------------------


def prepared(model: type[Model], name: str, value: Any) -> Any:
    field: Any = model._meta.get_field(name)
    return field.get_db_prep_save(value, connection)


def assignments(model: type[Model], fields: Mapping[str, Any]) -> tuple[str, list[Any]]:
    named = [f'"{model._meta.get_field(name).column}" = %s' for name in fields]  # type: ignore[union-attr]
    return ", ".join(named), [prepared(model, name, value) for name, value in fields.items()]


def step_change(step: StepRun, fields: Mapping[str, Any]) -> Statement:
    """Changes no row where it does not stand as it was read."""
    said, values = assignments(StepRun, fields)
    where = "WHERE id = %s AND status = %s AND lease_token = %s"
    return f"UPDATE procedure_step_runs SET {said} {where}", [*values, step.pk, step.status, step.lease_token]


def run_change(run: Run, names: Iterable[str]) -> Statement:
    said, values = assignments(Run, {name: getattr(run, name) for name in names})
    return f"UPDATE procedure_runs SET {said} WHERE id = %s", [*values, run.pk]


def new_events(events: Sequence[RunEvent]) -> Statement:
    fields = RunEvent._meta.concrete_fields
    row = f"({', '.join(['%s'] * len(fields))})"
    named = ", ".join(f'"{field.column}"' for field in fields)
    values = [prepared(RunEvent, field.name, getattr(event, field.attname)) for event in events for field in fields]
    return f"INSERT INTO procedure_run_events ({named}) VALUES {', '.join([row] * len(events))}", values
