"""What goes with what: trends, adjusted associations, effects of trainings and pilots, and revenue at risk.

Reads Parquet that dbt exported and hands Parquet back, which becomes contracted marts. What is asked stands in
``declarations.yaml``. Nothing here is called a cause: the words are "associated with".
"""

from orchestration.statistics.declarations import Declarations, load_declarations
from orchestration.statistics.run import StatisticsReport, run_statistics

__all__ = ["Declarations", "StatisticsReport", "load_declarations", "run_statistics"]
