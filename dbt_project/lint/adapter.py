"""What sqlfluff sees as dbt's `adapter`: dispatch always answers with DuckDB's macro, as dbt does here."""

from __future__ import annotations

from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context


@pass_context
def dispatch(context: Context, macro_name: str, macro_namespace: str | None = None) -> Any:
    """Return the macro ``duckdb__<macro_name>`` of the project (the lint dialect is DuckDB)."""
    return context[f"duckdb__{macro_name}"]
