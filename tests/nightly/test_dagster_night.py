"""The night as `make run` runs it: Dagster's job and dbt's own builds, against the night of library functions."""

from __future__ import annotations

import logging
import os
import subprocess
import sys

import pytest

from orchestration.lake import dbt
from orchestration.lake.dbt import BuildError, run_dbt
from orchestration.lake.warehouse import prepare
from orchestration.settings import DBT_PROJECT, PROJECT_ROOT, Settings

pytestmark = [pytest.mark.nightly, pytest.mark.dbt]


def test_dagsters_night_publishes_the_rows_of_the_library_night(first, sample, tmp_path, published_rows):
    if not (DBT_PROJECT / "target" / "manifest.json").exists():
        pytest.skip("the dbt project was not parsed: run `make manifest`")
    settings = Settings(home=tmp_path / "home", deliveries=sample)
    environment = os.environ | {"JOURNEYS_HOME": str(settings.root), "JOURNEYS_DELIVERIES": str(sample)}
    command = [sys.executable, "-m", "orchestration", "run"]
    told = subprocess.run(command, cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout
    assert f"{first.night.tests_passed + len(first.night.verdicts)} checks passed" in told.stdout
    assert published_rows(settings) == published_rows(first.settings)


def test_a_failed_model_is_named_with_what_is_wrong_in_its_query(tmp_path):
    settings = Settings(home=tmp_path)
    prepare(settings)
    with pytest.raises(BuildError, match=r"journey_edges \(Catalog Error: .*does not exist"):
        run_dbt(settings, ["build", "--select", "journey_edges", "--exclude-resource-type", "test"], lambda _: None)


def test_a_long_build_says_how_far_it_is(tmp_path, monkeypatch, caplog):
    settings = Settings(home=tmp_path)
    prepare(settings)
    seeds = len(list((DBT_PROJECT / "seeds").glob("*.csv")))
    monkeypatch.setattr(dbt, "PROGRESS_SECONDS", 0)
    with caplog.at_level(logging.INFO, logger="orchestration"):
        run_dbt(settings, ["seed"], lambda _: None)
    assert len(caplog.messages) == seeds
    assert f"{seeds} of {seeds} models and tests: " in " ".join(caplog.messages)
