"""Settings come from the environment; what cannot be used is told by variable, before anything is read."""

from __future__ import annotations

from datetime import datetime

import pytest

from orchestration.__main__ import main
from orchestration.settings import Settings, WrongSettingError, get_settings


@pytest.fixture(autouse=True)
def _read_anew():
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("JOURNEYS_DELIVERY", "/mnt/drop", "no such setting; did you mean 'JOURNEYS_DELIVERIES'?"),
        ("JOURNEYS_TIME_ZONE", "America/NewYork", "'America/NewYork' is no IANA time zone (as Europe/Berlin); did you"),
        ("JOURNEYS_AS_OF", "yesterday", "input should be a valid datetime or date"),
        ("JOURNEYS_KEEP_NIGHTS", "0", "input should be greater than or equal to 1"),
    ],
)
def test_a_wrong_setting_is_told_by_its_variable_and_ends_the_run(monkeypatch, capsys, variable, value, said):
    monkeypatch.setenv(variable, value)
    with pytest.raises(WrongSettingError) as raised:
        get_settings()
    assert str(raised.value).startswith(f"{variable}: {said}")
    assert main(["run"]) == 1
    assert f"{variable}: {said}" in capsys.readouterr().out.replace("\n", " ")


def test_the_variables_of_tests_and_tools_are_no_mistake(monkeypatch, tmp_path):
    monkeypatch.setenv("JOURNEYS_REFERENCE", str(tmp_path))
    monkeypatch.setenv("JOURNEYS_HOME", str(tmp_path))
    assert get_settings().root == tmp_path


def test_the_night_s_clock_may_say_its_offset(monkeypatch):
    monkeypatch.setenv("JOURNEYS_AS_OF", "2024-06-30T20:00:00-04:00")
    assert Settings().as_of == datetime(2024, 7, 1)


def test_a_delivery_folder_that_is_not_there_ends_the_run(monkeypatch, capsys, tmp_path):
    for name in ("JOURNEYS_HOME", "DAGSTER_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setenv("JOURNEYS_DELIVERIES", str(tmp_path / "drop"))
    assert main(["run"]) == 1
    said = capsys.readouterr().out.replace("\n", "")
    assert f"JOURNEYS_DELIVERIES names no folder: {tmp_path}/drop" in said
    assert list((tmp_path / "home").glob("landing")) == []


def test_a_home_that_cannot_be_made_ends_the_run_with_its_name(monkeypatch, capsys, tmp_path):
    (tmp_path / "file").touch()
    for name in ("JOURNEYS_HOME", "DAGSTER_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "file" / "home"))
    assert main(["run"]) == 1
    assert f"Not a directory: '{tmp_path}/file/home" in capsys.readouterr().out
