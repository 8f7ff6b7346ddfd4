"""An exchange folder as dbt leaves it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest


@pytest.fixture
def write_exchange(tmp_path: Path) -> Callable[..., Path]:
    """Write cases as dbt exports them; returns the folder."""

    def write(cases: dict[str, pd.DataFrame], name: str = "exchange") -> Path:
        folder = tmp_path / name
        folder.mkdir()
        for file, frame in cases.items():
            frame.to_parquet(folder / f"int_statistics__{file}.parquet", index=False)
        return folder

    return write
