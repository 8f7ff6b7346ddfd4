"""Shared fixtures: reference data by one setting, a home of its own for each test.

``JOURNEYS_REFERENCE`` names the folder with `data/` and `oracles/` (default ``../shared``): a missing default folder
skips with a reason, a folder that was named and is missing fails.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestration.settings import PROJECT_ROOT, Settings

os.environ.pop("DBT_ENV_SECRET_JOURNEYS_HOME", None)  # each test names a home of its own
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of reference data and worked answers."""
    named = os.environ.get("JOURNEYS_REFERENCE")
    folder = Path(named) if named else PROJECT_ROOT.parent / "shared"
    if not (folder / "oracles").is_dir():
        if named:
            pytest.fail("JOURNEYS_REFERENCE names a folder without oracles/")
        pytest.skip("no reference data: set JOURNEYS_REFERENCE to the folder with data/ and oracles/")
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of an empty home, with an empty delivery folder."""
    deliveries = tmp_path / "deliveries"
    deliveries.mkdir()
    return Settings(home=tmp_path / "home", deliveries=deliveries)
