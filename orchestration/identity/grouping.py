"""Records into clusters: the steps between the edge tables and the cluster labels.

Belongs here: what is taken out of the edges, what may not be joined, and how sure each record's place is.
Does not belong: finding edges (``matching``), the clustering itself (``clusters``).
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np

from orchestration.identity.clusters import Guards, Ints, components, guarded_components, split_by_cannot_link
from orchestration.identity.config import Rules
from orchestration.identity.decisions import Decision
from orchestration.identity.matching import read_edges

#: Weight of a steward's MATCH: joins before everything else.
DECISION_WEIGHT = 1000.0

#: Pairs of a larger component are not enumerated; such a component holds by identifiers alone and is reported.
LARGEST_COMPARED = 1000


@dataclass(frozen=True)
class Grouping:
    """What clustering did, in counts."""

    refused_edges: int
    ambiguous_records: int
    oversized_clusters: int
    unknown_decisions: int


def group_records(con: duckdb.DuckDBPyConnection, rules: Rules, decisions: list[Decision]) -> Grouping:
    """Create ``clustered(rid, cluster, grade, match_confidence)`` from ``record`` and ``edge``.

    Also marks in ``edge.decision`` what became of each edge: joined, refused, ambiguous, cut.
    """
    unknown = _add_decisions(con, decisions)
    ambiguous = _set_aside_ambiguous(con, rules)
    n, edges = read_edges(con, "decision is null")
    limits = rules.clusters
    guards = Guards(limits.max_size, limits.min_density, limits.sparse_size, rules.certain_weight)
    label = guarded_components(n, edges, guards)
    apart_left, apart_right = _cannot_link(con, label, rules)
    label, refused = split_by_cannot_link(label, edges, apart_left, apart_right)
    _grade(con, n, label)
    oversized = int((np.bincount(label, minlength=1) > limits.max_size).sum()) if n else 0
    return Grouping(refused, ambiguous, oversized, unknown)


def _add_decisions(con: duckdb.DuckDBPyConnection, decisions: list[Decision]) -> int:
    """Put MATCH decisions among the edges, NO_MATCH into ``no_match``; returns how many name unknown identities."""
    con.execute(
        "create or replace temp table decided "
        "(system_a varchar, id_a varchar, system_b varchar, id_b varchar, verdict varchar)"
    )
    if decisions:
        con.executemany("insert into decided values (?, ?, ?, ?, ?)", [[*d.a, *d.b, d.verdict] for d in decisions])
    con.execute(
        """
        create or replace temp table decided_pair as
        select least(a.rid, b.rid) as l, greatest(a.rid, b.rid) as r, decided.verdict
        from decided
        inner join identity a on a.source_system = decided.system_a and a.source_record_id = decided.id_a
        inner join identity b on b.source_system = decided.system_b and b.source_record_id = decided.id_b
        """
    )
    con.execute(
        f"insert into edge select distinct l, r, 'decision', 'steward', {DECISION_WEIGHT}, 'certain', null "
        "from decided_pair where verdict = 'MATCH'"
    )
    con.execute(
        "create or replace temp table no_match as select distinct l, r from decided_pair where verdict = 'NO_MATCH'"
    )
    con.execute("update edge set decision = 'steward' from no_match n where edge.l = n.l and edge.r = n.r")
    return len(decisions) - int(con.execute("select count(*) from decided_pair").fetchall()[0][0])


def _set_aside_ambiguous(con: duckdb.DuckDBPyConnection, rules: Rules) -> int:
    """Take the edges of a weak record that fits two people who exclude each other.

    Guessing between father and son by a telephone number would be right half of the time. Returns such records.
    """
    con.execute(
        f"""
        create or replace temp table ambiguous as
        with links as (
            select l as x, r as y from edge where decision is null and stage in ('trusted', 'model')
            union select r, l from edge where decision is null and stage in ('trusted', 'model')
        ),
        weak as (
            select links.x, links.y from links
            inner join record on record.rid = links.x where {rules.weak}
        ),
        bounded as (select * from weak qualify count(*) over (partition by x) <= {rules.max_block})
        select a.x, a.y as y1, b.y as y2
        from bounded a inner join bounded b on a.x = b.x and a.y < b.y
        inner join record l on l.rid = a.y inner join record r on r.rid = b.y
        where {rules.vetoed}
        """
    )
    con.execute(
        """
        update edge set decision = 'ambiguous'
        from (select x, y1 as y from ambiguous union select x, y2 from ambiguous) as a
        where edge.stage in ('trusted', 'model') and least(a.x, a.y) = edge.l and greatest(a.x, a.y) = edge.r
        """
    )
    return int(con.execute("select count(distinct x) from ambiguous").fetchall()[0][0])


def _cannot_link(con: duckdb.DuckDBPyConnection, label: Ints, rules: Rules) -> tuple[Ints, Ints]:
    """Return the pairs within components that must stay apart: vetoed ones and stewards' NO_MATCH.

    A veto gives way where stewards or the source itself declare the two (or a chain of such) to be one person.
    """
    must = components(*read_edges(con, "stage in ('decision', 'declared') and decision is null"))
    con.register("label_of", {"rid": np.arange(len(label)), "component": label, "must": must})
    con.execute(
        f"""
        create or replace temp table cannot_link as
        with labelled as (select record.*, component, must from record inner join label_of using (rid)),
        compared as (
            select component from labelled group by component having count(*) between 3 and {LARGEST_COMPARED}
        )
        select l.rid as l, r.rid as r
        from labelled l inner join compared using (component)
        inner join labelled r on r.component = l.component and l.rid < r.rid
        where l.must <> r.must and {rules.vetoed}
        union select l, r from no_match
        """
    )
    con.unregister("label_of")
    pairs = con.execute("select l, r from cannot_link order by l, r").fetchnumpy()
    return pairs["l"].astype(np.int64), pairs["r"].astype(np.int64)


def _grade(con: duckdb.DuckDBPyConnection, n: int, label: Ints) -> None:
    """Create ``clustered``. Certain: joined by trusted rules to the weightiest part of the cluster.

    The confidence of any other part is the probability of its strongest edge into the rest of the cluster.
    """
    con.register("label_of", {"rid": np.arange(n), "cluster": label})
    con.execute("create or replace temp table labelled as select rid::integer as rid, cluster from label_of")
    con.unregister("label_of")
    con.execute(
        """
        create or replace temp table edge as
        select edge.* replace (
            coalesce(edge.decision, case when a.cluster = b.cluster then 'joined' else 'refused' end) as decision
        )
        from edge inner join labelled a on a.rid = edge.l inner join labelled b on b.rid = edge.r
        """  # an update with joins takes four times as long
    )
    part = components(*read_edges(con, "decision = 'joined' and grade = 'certain'"))
    con.register("part_of", {"rid": np.arange(n), "part": part})
    con.execute(
        """
        create or replace temp table clustered as
        with parts as (
            select labelled.cluster, part_of.part, min(record.rid) as first_rid,
                sum(record.identities * case when record.is_ehr then 10 else 1 end) as weight
            from labelled inner join part_of using (rid) inner join record using (rid)
            group by labelled.cluster, part_of.part
        ),
        main as (
            select part from parts qualify row_number() over (partition by cluster order by weight desc, first_rid) = 1
        ),
        bridges as (
            select a.part as x, b.part as y, edge.weight from edge
            inner join part_of a on a.rid = edge.l inner join part_of b on b.rid = edge.r
            where edge.decision = 'joined' and a.part <> b.part
        ),
        strongest as (
            select part, max(weight) as weight
            from (select x as part, weight from bridges union all select y, weight from bridges)
            group by part
        )
        select labelled.rid, labelled.cluster,
            case when main.part is null then 'probable' else 'certain' end as grade,
            case when main.part is null then 1 / (1 + pow(2, -strongest.weight)) else 1 end as match_confidence
        from labelled inner join part_of using (rid)
        left join main using (part) left join strongest using (part)
        """
    )
    con.unregister("part_of")
