"""What one declared column makes of a cell: values, and what is wrong with those it refuses."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pytest
from pydantic import ValidationError

from orchestration.lake.duck import connect
from orchestration.pull.cells import cell as named
from orchestration.pull.columns import Column
from orchestration.pull.typed import TypedTable

NEW_YORK = {"type": "timestamp", "zone": "America/New_York"}
LORD_HOWE = {"type": "timestamp", "zone": "Australia/Lord_Howe"}
US_TIME = {"type": "timestamp", "zone": "America/New_York", "format": "%m/%d/%Y %I:%M:%S %p"}
MIXED = {"type": "timestamp", "zone": "America/New_York", "format": ["%d.%m.%Y %H:%M", "%Y-%m-%dT%H:%M:%S%z"]}
CLOCK = {"type": "duration", "unit": "hh:mm:ss"}
YES_NO = {"type": "boolean", "values": {"Y": True, "N": False}}


def read(column: Column, cell: str | None) -> tuple[object, list[str]]:
    with connect() as con:
        con.execute(f"create temp table cells as select ?::varchar as {named('v')}", [cell])
        typed = f"({TypedTable('one', {'v': column}, 'v').query('from cells')})"
        value = con.execute(f"select v from {typed}").fetchall()[0][0]
        rules = column.rules("v", named("v"), None)
        found = [rule for rule in rules if con.execute(f"select {rule.when} from {typed}").fetchall()[0][0]]
    return value, [f"{rule.code}:{rule.severity}" for rule in found]


@pytest.mark.parametrize(
    ("declared", "cell", "value", "rules"),
    [
        ({}, "NA", "NA", []),
        ({}, None, None, []),
        ({"required": True}, None, None, ["required:reject"]),
        ({"type": "integer"}, "3", 3, []),
        ({"type": "integer"}, "3.7", None, ["number_invalid:reject"]),
        ({"type": "integer", "min": 0, "max": 10}, "11", 11, ["out_of_range:reject"]),
        ({"type": "number"}, "nan", None, ["number_invalid:reject"]),
        ({"type": "decimal"}, "1.20", Decimal("1.20"), []),
        ({"type": "decimal"}, "1.239", None, ["number_invalid:reject"]),
        ({"type": "decimal"}, "1,000.00", None, ["number_invalid:reject"]),
        ({"type": "boolean"}, "true", True, []),
        (YES_NO, "N", False, []),
        (YES_NO, "maybe", None, ["value_unknown:reject"]),
        ({"values": {"M": "mail"}, "others": "keep"}, "sms", "sms", []),
        ({"values": {"M": "mail"}, "others": "null"}, "sms", None, []),
        ({"type": "integer", "values": {"Good": 4}}, "Good", 4, []),
        ({"type": "date"}, "2024-02-29", date(2024, 2, 29), []),
        ({"type": "date"}, "2024-02-30", None, ["date_invalid:reject"]),
        ({"type": "date", "format": ["%m/%d/%Y", "%Y%m%d"]}, "20240201", date(2024, 2, 1), []),
        ({"type": "duration", "unit": "ms"}, "1500", 1.5, []),
        ({"type": "duration", "unit": "min"}, "1.5", 90.0, []),
        ({"type": "duration", "unit": "s"}, "-1", -1.0, ["duration_negative:reject"]),
        (CLOCK, "01:02:03", 3723.0, []),
        (CLOCK, "2:03", 123.0, []),
        (CLOCK, "100:00:00.5", 360000.5, []),
        (CLOCK, "-00:01:00", -60.0, ["duration_negative:reject"]),
        (CLOCK, "two minutes", None, ["duration_invalid:reject"]),
        (US_TIME, "8/9/2018 9:29:00 AM", datetime(2018, 8, 9, 13, 29), []),
        (US_TIME, "13/9/2018 9:29:00 AM", None, ["timestamp_invalid:reject"]),
        ({"type": "timestamp"}, "2024-01-01T10:00:00.123Z", datetime(2024, 1, 1, 10, 0, 0, 123000), []),
        ({"type": "timestamp"}, "2024-01-01T10:00:00", None, ["timestamp_invalid:reject"]),
        ({"type": "timestamp", "zone": "UTC"}, "2024-01-01T10:00:00", datetime(2024, 1, 1, 10), []),
        (
            {"type": "timestamp", "format": "%Y-%m-%d %H:%M %z"},
            "2024-01-01 10:00 +0200",
            datetime(2024, 1, 1, 8),
            [],
        ),
        *(
            (MIXED, cell, value, rules)
            for cell, value, rules in (
                ("9.8.2018 09:29", datetime(2018, 8, 9, 13, 29), []),
                ("2018-08-09T09:29:00-0700", datetime(2018, 8, 9, 16, 29), []),
                ("2018-08-09T09:29:00+02:00", datetime(2018, 8, 9, 7, 29), []),
                # With its offset no time is skipped or repeated.
                ("2024-03-10T02:30:00-0500", datetime(2024, 3, 10, 7, 30), []),
                ("10.3.2024 02:30", None, ["time_nonexistent:reject"]),
                ("3.11.2024 01:30", datetime(2024, 11, 3, 5, 30), ["time_ambiguous:reject"]),
                ("2018-08-09T09:29:00", None, ["timestamp_invalid:reject"]),
            )
        ),
        (NEW_YORK, "2024-01-01 10:00:00", datetime(2024, 1, 1, 15), []),
        (NEW_YORK, "2024-01-01T10:00:00-08:00", datetime(2024, 1, 1, 18), []),
        (NEW_YORK, "2024-01-01", None, ["timestamp_invalid:reject"]),
        # A zone in words is no offset, and not the declared zone either.
        (NEW_YORK, "2024-01-01 10:00:00 UTC", None, ["timestamp_invalid:reject"]),
        (NEW_YORK, "2024-01-01 10:00:00 Europe/Berlin", None, ["timestamp_invalid:reject"]),
        (NEW_YORK, "2024-01-01 10:00:00 BC", None, ["timestamp_invalid:reject"]),
        (NEW_YORK, "2024/01/01 10:00:00.5", datetime(2024, 1, 1, 15, 0, 0, 500000), []),
        (NEW_YORK, "2024-03-10 01:59:59", datetime(2024, 3, 10, 6, 59, 59), []),
        (NEW_YORK, "2024-03-10 02:00:00", None, ["time_nonexistent:reject"]),
        (NEW_YORK, "2024-03-10 03:00:00", datetime(2024, 3, 10, 7), []),
        (NEW_YORK, "2024-11-03 00:59:59", datetime(2024, 11, 3, 4, 59, 59), []),
        (NEW_YORK, "2024-11-03 01:30:00", datetime(2024, 11, 3, 5, 30), ["time_ambiguous:reject"]),
        (NEW_YORK, "2024-11-03 02:00:00", datetime(2024, 11, 3, 7), []),
        (
            NEW_YORK | {"ambiguous": "earlier"},
            "2024-11-03 01:30",
            datetime(2024, 11, 3, 5, 30),
            ["time_ambiguous:warn"],
        ),
        (NEW_YORK | {"ambiguous": "later"}, "2024-11-03 01:30", datetime(2024, 11, 3, 6, 30), ["time_ambiguous:warn"]),
        # Clocks change by half an hour there.
        (LORD_HOWE, "2024-04-07 01:45:00", datetime(2024, 4, 6, 14, 45), ["time_ambiguous:reject"]),
        (LORD_HOWE, "2024-04-07 02:00:00", datetime(2024, 4, 6, 15, 30), []),
        (LORD_HOWE, "2024-10-06 02:15:00", None, ["time_nonexistent:reject"]),
    ],
)
def test_a_cell_is_read_as_declared(declared, cell, value, rules):
    assert read(Column.model_validate(declared), cell) == (value, rules)


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"type": "timestamp", "zone": "Mars/Olympus"}, "no IANA time zone"),
        ({"type": "duration"}, "a duration needs `unit`"),
        ({"type": "text", "min": 0}, "`min` belongs to type"),
        ({"type": "date", "zone": "UTC"}, "`zone` belongs to type timestamp"),
        ({"type": "date", "format": "dd.mm.yyyy"}, "no strptime format"),
        ({"type": "date", "format": ["%Y-%m-%d", "%Y-%m-%d %z"]}, "depends on the zone"),
        ({"type": "date", "format": ["%Y-%m-%d", "%Q"]}, "'%Q' is no strptime format"),
        ({"type": "boolean", "values": {"Y": "maybe"}}, "'maybe' is no boolean"),
        ({"type": "integer", "values": {"a": True}}, "True is no integer"),
        ({"type": "integer", "min": 5, "max": 1}, "more than `max`"),
        ({"type": "integer", "constant": "1"}, "a constant is text"),
        ({"typ": "date"}, "typ"),
    ],
)
def test_a_declaration_that_makes_no_sense_is_refused(declared, said):
    with pytest.raises(ValidationError, match=said):
        Column.model_validate(declared)
