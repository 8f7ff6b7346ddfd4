"""Pairs of records that are one person by trusted rules.

Belongs here: edges by rule and by the sources' own declaration, and the vetoes over a set of pairs.
Does not belong: probabilistic weights (``model``), persons (``clusters``).
"""

from __future__ import annotations

import duckdb

from orchestration.identity.config import Rules, TrustedRule

#: Weight of an edge that a source declares (FHIR Patient.link replaced-by, a merge in a feed): above every rule.
DECLARED_WEIGHT = 80.0

_EDGE = """create or replace temp table edge (
    l integer, r integer, stage varchar, rule varchar, weight double, grade varchar
)"""


def find_trusted_edges(con: duckdb.DuckDBPyConnection, rules: Rules) -> None:
    """Create ``edge(l, r, stage, rule, weight, grade)`` with ``l < r`` from the table ``record``."""
    con.execute(_EDGE)
    con.execute(
        """
        insert into edge
        select distinct least(a.rid, b.rid), greatest(a.rid, b.rid), 'declared', 'declared', ?::double, 'certain'
        from identity a inner join identity b
            on a.source_system = b.source_system and a.links_to = b.source_record_id and a.rid <> b.rid
        """,
        [DECLARED_WEIGHT],
    )
    for rule in rules.trusted_rules:
        con.execute(f"insert into edge {_rule_sql(rule, rules)}", [rule.weight])


def _rule_sql(rule: TrustedRule, rules: Rules) -> str:
    """Return the select of one rule's edges: all pairs of a block, or every record with the first of a large block."""
    keys = ", ".join(rule.keys)
    present = " and ".join(f"{key} is not null" for key in rule.keys)
    equal = " and ".join(f"l.{key} = r.{key}" for key in rule.keys)
    return f"""
        with block as (
            select {keys}, count(*) as records, min(rid) as first_rid from record where {present} group by {keys}
        ),
        blocked as (
            select record.*, block.first_rid, block.records > {rules.max_block} as is_large
            from record inner join block using ({keys}) where block.records > 1
        )
        select l.rid, r.rid, 'trusted', '{rule.name}', ?::double, '{rule.grade}'
        from blocked l inner join blocked r
            on {equal} and l.rid < r.rid and (not l.is_large or l.rid = l.first_rid)
        where ({rules.sql(rule.when)}) and not {rules.vetoed}
    """
