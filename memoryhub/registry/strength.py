"""How strong a memory still is: ``importance · 2^(−age / half-life)``, age since its last use.

The half-life grows with reinforcement (``stability``) and, slowly, with uses:
``half_life_days · stability · (1 + stability_per_use · ln(1 + uses))``. An exponential forgetting curve
after Ebbinghaus (1885), with a strength that use builds up.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import FloatField
from django.db.models.expressions import RawSQL

# Ages beyond a thousand half-lives count as a thousand: smaller powers of two underflow.
EXPRESSION = """
{row}.importance * power(2.0::float8, -least(1000.0, greatest(0.0,
  extract(epoch FROM clock_timestamp() - greatest({row}.updated_at, {row}.last_accessed_at)) / 86400.0
  / (%s * {row}.stability * (1 + %s * ln(1.0 + {row}.access_count))))))
"""


def strength_sql(row: str = "memory_context_registry") -> tuple[str, list[Any]]:
    """The expression and its parameters, over a row of the registry under that alias."""
    rules = settings.CONFIG.lifecycle
    return EXPRESSION.format(row=row), [rules.half_life_days, rules.stability_per_use]


def strength() -> RawSQL:
    """For querysets of entries: ``ContextEntry.objects.annotate(strength=strength())``."""
    statement, params = strength_sql()
    return RawSQL(statement, params, output_field=FloatField())  # noqa: S611 - constants only
