"""The one entry point that Dagster loads: everything under ``defs/`` is found by folder."""

from pathlib import Path

import dagster as dg


@dg.definitions
def defs() -> dg.Definitions:
    """Load every asset, check, job, schedule and sensor below ``defs/``."""
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
