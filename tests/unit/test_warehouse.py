"""A warehouse that cannot be opened is told with who holds it and what to do; errors are shown without values."""

from __future__ import annotations

import subprocess
import sys
from traceback import TracebackException

import duckdb
import pytest
from dagster._utils.error import SerializableErrorInfo

from orchestration.lake.dbt import BuildError
from orchestration.lake.warehouse import prepare
from orchestration.report import reason
from orchestration.settings import Settings

HOLD = (
    "import duckdb, sys; c = duckdb.connect(sys.argv[1], read_only=True); print('open', flush=True); sys.stdin.read()"
)


def test_a_warehouse_that_another_program_holds_is_told_with_its_number(settings: Settings):
    prepare(settings)
    duckdb.connect(str(settings.warehouse)).close()
    command = [sys.executable, "-c", HOLD, str(settings.warehouse)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(BuildError, match=rf"Conflicting lock is held .*PID {other.pid}.* close it there"):
            prepare(settings)
        other.communicate()
    prepare(settings)


def test_a_file_that_is_no_warehouse_is_told(settings: Settings):
    prepare(settings)
    settings.warehouse.write_bytes(b"x" * 10_000)
    with pytest.raises(BuildError, match=r"not a valid DuckDB database file.* remove it"):
        prepare(settings)


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (BuildError("dbt failed: wait_times (test)"), "dbt failed: wait_times (test)"),
        (PermissionError(13, "Permission denied", "/home/raw"), "[Errno 13] Permission denied: '/home/raw'"),
        (ValueError("invalid literal: 'Jane Roe'"), "ValueError"),
        (duckdb.ConversionException("Could not convert 'Jane Roe'"), "ConversionException"),
    ],
)
def test_of_a_foreign_error_only_its_kind_is_shown(error: Exception, shown: str):
    try:
        raise RuntimeError("the step failed") from error
    except RuntimeError as failed:
        info = SerializableErrorInfo.from_traceback(TracebackException.from_exception(failed))
    assert reason(info) == shown
