"""What Dagster shows: groups that read as the way of the data, every asset described and owned, one process a run."""

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml

from orchestration.lake.dbt import dbt_environment
from orchestration.settings import DBT_PROJECT, PROJECT_ROOT, Settings

GROUPS = {
    *("ehr", "portal", "call_center", "billing", "surveys", "staff", "lake", "seeds"),
    *("identity", "journey", "marts", "statistics", "publish"),
}


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.Definitions]:
    """The whole project as Dagster sees it."""
    if not (DBT_PROJECT / "target" / "manifest.json").exists():
        pytest.skip("the dbt project was not parsed: run `make manifest`")
    before = dict(os.environ)
    os.environ.update(dbt_environment(Settings(home=tmp_path_factory.mktemp("home"))))
    from orchestration.definitions import defs

    yield defs()
    os.environ.clear()
    os.environ.update(before)


def test_groups_read_as_the_way_of_the_data(definitions: dg.Definitions):
    assert {spec.group_name for spec in definitions.resolve_all_asset_specs() if not _is_source(spec)} == GROUPS


def test_every_asset_is_described_and_owned(definitions: dg.Definitions):
    specs = [spec for spec in definitions.resolve_all_asset_specs() if not _is_source(spec)]
    assert len(specs) > 150
    assert [spec.key for spec in specs if not spec.description or not spec.owners or not spec.kinds] == []


def test_every_run_is_one_process(definitions: dg.Definitions):
    jobs = definitions.get_repository_def().get_all_jobs()
    assert {job.executor_def.name for job in jobs} == {"in_process"}
    assert {"nightly", "build", "pull_ehr"} <= {job.name for job in jobs}


def test_workspace_and_project_name_the_same_module_and_location():
    tool = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["tool"]["dg"]["project"]
    [loaded] = yaml.safe_load(Path(PROJECT_ROOT / "workspace.yaml").read_text())["load_from"]
    assert loaded["python_module"] == {
        "module_name": tool["code_location_target_module"],
        "location_name": tool["code_location_name"],
    }


def _is_source(spec: dg.AssetSpec) -> bool:
    return spec.group_name in {None, "default"}
