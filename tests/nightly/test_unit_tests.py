"""The rules' own unit tests, which stand beside the models, pass on the tables of a night."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from orchestration.lake.dbt import dbt_environment
from orchestration.settings import DBT_PROJECT

pytestmark = [pytest.mark.nightly, pytest.mark.dbt]


def test_every_rule_holds(first, tmp_path):
    folders = ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT), "--target-path", str(tmp_path)]
    ran = subprocess.run(
        [sys.executable, "-m", "dbt.cli.main", "test", "--select", "test_type:unit", "--no-use-colors", *folders],
        env=os.environ | dbt_environment(first.settings),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-3000:]
    assert "unit tests in" in ran.stdout
