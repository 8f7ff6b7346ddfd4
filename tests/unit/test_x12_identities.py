"""The billing source as declared: who its claims, remits and statements say they are about."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb

from orchestration.pull.source import load_sources, pull
from orchestration.settings import SOURCE_DEFINITIONS, Settings

INPUT = Path(__file__).parents[1] / "data" / "billing" / "input"
STATEMENTS = "statement_id,account_number,mrn,balance_amount,currency,sent_at,due_on,channel\n"


def test_billing_states_identities_with_their_authorities(settings: Settings) -> None:
    delivery = settings.delivery_root / "billing"
    (delivery / "x12").mkdir(parents=True)
    for path in INPUT.glob("*.83?"):
        shutil.copy(path, delivery / "x12")
    statements = delivery / "statements" / "statements-2024-02.csv"
    statements.parent.mkdir()
    statements.write_text(STATEMENTS + "s1,A1,10000001,20.00,USD,2024-02-01T10:00:00,2024-03-01,mail\n")
    (source,) = [s for s in load_sources(SOURCE_DEFINITIONS) if s.name == "billing"]
    report = pull(source, settings)
    assert (report.files_parsed, report.warnings) == (4, [])

    said = duckdb.sql(f"""
        select distinct identity_id, mrn, family, given, birth_date, member_id, subscriber_id, dependent_code
        from read_parquet('{settings.raw}/billing/identities/*.parquet')
    """).fetchall()
    assert set(said) == {
        ("A1", "10000001", "DOE", "JANE", "2010-03-04", "M0000000101", "M00000001", "01"),
        ("A1", "10000001", "DOE", "JANE", None, "M0000000101", "M00000001", "01"),
        ("A1", None, "DOE", "JANE", None, None, None, None),
        ("A1", "10000001", None, None, None, None, None, None),
        ("A2", None, "ROE", "RICHARD", "1940-12-31", "M00000002", "M00000002", None),
        ("A2", None, "ROE", "RICHARD", None, "M00000002", "M00000002", None),
        ("S1", None, "DOE", "JON", "1926-11-11", "030005074A", "030005074A", None),
    }
    systems = duckdb.sql(f"""
        select
            count(*) filter ((mrn is null) <> (mrn_system is null)),
            count(*) filter ((member_id is null) <> (member_system is null))
        from read_parquet('{settings.raw}/billing/identities/*.parquet')
    """).fetchall()
    assert systems == [(0, 0)]
