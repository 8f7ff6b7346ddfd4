"""Pairs of records that speak for one person.

Belongs here: edges by rule, by the sources' own declaration and by a model's weight, each past the vetoes.
Does not belong: the model itself (``model``), persons (``clusters``).
"""

from __future__ import annotations

import duckdb
import numpy as np

from orchestration.identity.clusters import Edges, components
from orchestration.identity.config import Rules, RulesError, TrustedRule
from orchestration.identity.model import TrainedModel, weigh_pairs

#: Weight of an edge that a source declares (FHIR Patient.link replaced-by, a merge in a feed): above every rule.
DECLARED_WEIGHT = 80.0

#: Larger groups teach nothing new and would grow with their square.
LARGEST_LABELLED = 50

_EDGE = """create or replace temp table edge (
    l integer, r integer, stage varchar, rule varchar, weight double, grade varchar, decision varchar
)"""


def find_trusted_edges(con: duckdb.DuckDBPyConnection, rules: Rules) -> None:
    """Create ``edge(l, r, stage, rule, weight, grade, decision)`` with ``l < r`` from the table ``record``."""
    con.execute(_EDGE)
    con.execute(
        """
        insert into edge
        select distinct least(a.rid, b.rid), greatest(a.rid, b.rid), 'declared', 'declared', ?::double, 'certain', null
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
        select l.rid, r.rid, 'trusted', '{rule.name}', ?::double, '{rule.grade}', null
        from blocked l inner join blocked r
            on {equal} and l.rid < r.rid and (not l.is_large or l.rid = l.first_rid)
        where ({rules.sql(rule.when)}) and not {rules.vetoed}
    """


def find_model_edges(
    con: duckdb.DuckDBPyConnection, rules: Rules, model: TrainedModel, new_from: int | None = None
) -> None:
    """Add to ``edge`` the pairs that a model finds probable; those just below the threshold are marked for review.

    ``new_from``: as in ``weigh_pairs``.
    """
    part = rules.model
    if part is None:
        raise RulesError("a model needs the rules' part `model`")
    weigh_pairs(con, rules, model, model.threshold - part.review_margin, new_from)
    con.execute(
        f"""
        insert into edge
        select w.l, w.r, 'model', 'model', w.weight, 'probable',
            case when w.weight < {model.threshold} + case
                when {rules.sql(part.coincidence)} then {part.coincidence_margin} else 0
            end then 'review' end
        from (select * from weighed anti join edge using (l, r)) as w
        inner join record l on l.rid = w.l inner join record r on r.rid = w.r
        where coalesce({rules.sql(part.person_evidence)}, false) and not {rules.vetoed}
        """
    )
    con.execute("drop table weighed")


def read_edges(con: duckdb.DuckDBPyConnection, where: str) -> tuple[int, Edges]:
    """Return the number of records and the pairs of ``edge`` that satisfy a SQL condition, each at its best weight."""
    n = int(con.execute("select count(*) from record").fetchall()[0][0])
    found = con.execute(
        f"select l, r, max(weight) as w from edge where {where} group by l, r order by l, r"
    ).fetchnumpy()
    return n, Edges(found["l"].astype(np.int64), found["r"].astype(np.int64), found["w"].astype(np.float64))


def label_trusted_pairs(con: duckdb.DuckDBPyConnection) -> None:
    """Create ``labels(rid_l, rid_r)``: the pairs of records that trusted rules join, directly or through others."""
    part = components(*read_edges(con, "stage = 'trusted'"))
    con.register("part_of", {"rid": np.arange(len(part)), "part": part})
    con.execute(
        f"""
        create or replace table labels as
        with parts as (select * from part_of qualify count(*) over (partition by part) between 2 and {LARGEST_LABELLED})
        select a.rid as rid_l, b.rid as rid_r from parts a inner join parts b on a.part = b.part and a.rid < b.rid
        """
    )
    con.unregister("part_of")
