"""Every statistic of a night: from the Parquet that dbt exported to the Parquet that becomes marts.

Belongs here: the order of the tables. Does not belong: any statistic.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from orchestration.statistics.associations import associations
from orchestration.statistics.cases import family_columns, read_cases
from orchestration.statistics.declarations import Declarations, load_declarations
from orchestration.statistics.dose import dose_response
from orchestration.statistics.interventions import intervention_effects
from orchestration.statistics.revenue import revenue_at_risk
from orchestration.statistics.tables import Row, write


@dataclass(frozen=True)
class StatisticsReport:
    """Rows per table, and how many associations could be estimated."""

    rows: dict[str, int]
    estimated: int


def run_statistics(exchange: Path, declared: Declarations | None = None, out: Path | None = None) -> StatisticsReport:
    """Read the exported cases, compute every declared statistic and hand the tables back.

    Args:
        exchange: folder of Parquet between dbt and Python: ``int_statistics__*`` are read.
        declared: what is asked; default ``declarations.yaml``.
        out: folder that ``statistics_*`` are written to; default ``exchange``, where dbt looks for them.

    Raises:
        DeclarationError: ``declarations.yaml`` names a column that the cases do not have, or is wrong otherwise.

    Equal cases give equal tables: dbt exports them in the order of the sources' own ids, persons under such an id.
    """
    asked = declared or load_declarations(exchange=exchange)
    found: dict[str, list[Row]] = {"dose_response": [], "associations": []}
    for name, family in asked.families.items():
        frame = read_cases(exchange, asked.cases[family.cases], family_columns(asked, family))
        found["dose_response"] += dose_response(asked, name, family, frame)
        found["associations"] += associations(asked, name, family, frame)
    found["effects"] = intervention_effects(asked, exchange)
    found["revenue_at_risk"] = revenue_at_risk(asked, exchange)
    rows = {table: write(out or exchange, table, found[table], asked.version) for table in found}
    return StatisticsReport(rows, sum(row["status"] == "estimated" for row in found["associations"]))
