"""What a night's matching came to, in numbers that nights can be compared by.

Belongs here: the metrics of a run and their history. Does not belong: what they may be (``expectations``), scores of
labelled files (``score``).
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import duckdb

from orchestration.identity.grouping import Grouping
from orchestration.identity.metrics import cluster_scores
from orchestration.lake.duck import quote

#: Of tonight's tables, one row a metric and source; a metric about all sources has none.
_METRICS = """
with members as (
    select
        now.person_id, count(*) as identities, count(*) filter (where now.source_system = 'ehr') as charts,
        count(distinct record.birth) filter (where now.source_system = 'ehr') as births
    from now
    inner join identity using (source_system, source_record_id)
    inner join record on record.rid = identity.rid
    group by now.person_id
),
contents as (select cluster, count(*) as records from clustered group by cluster),
kept as (
    select was.person_id = now.person_id as is_kept
    from was inner join now using (source_system, source_record_id)
)
select 'identities' as metric, null::varchar as source_system, count(*)::double as value from identity
union all select 'persons', null, count(*) from members
union all select 'minted', null, count(*) from event where event = 'minted'
union all select 'merged', null, count(*) from event where event = 'merged_into'
union all select 'split', null, count(*) from event where event = 'split_to'
union all select 'kept_share', null, coalesce(avg(is_kept::int), 1) from kept
union all select 'identities_a_person', null, coalesce(avg(identities), 0) from members
union all select 'largest_person', null, coalesce(max(identities), 0) from members
union all select 'largest_cluster', null, coalesce(max(records), 0) from contents
union all
select 'duplicate_chart_share', null, coalesce(avg((charts > 1)::int) filter (where charts > 0), 0) from members
union all
select 'two_births_share', null, coalesce(avg((births > 1)::int) filter (where charts > 1), 0) from members
union all
select 'attached_share', identity.source_system, count(now.person_id) / count(*)
from identity left join now using (source_system, source_record_id) group by identity.source_system
"""


def load_truth(con: duckdb.DuckDBPyConnection, truth: Path | None) -> None:
    """Create ``truth(source_system, source_record_id, true_person)``, empty where nobody knows.

    ``truth`` is a CSV file with those columns, as the sample hospital writes it.
    """
    con.execute(
        "create or replace temp table truth (source_system varchar, source_record_id varchar, true_person bigint)"
    )
    if truth is not None and truth.exists():
        con.execute(f"insert into truth by name select * from read_csv({quote(truth)}, header = true)")


def measure_run(con: duckdb.DuckDBPyConnection, as_of: datetime, grouping: Grouping, decisions: dict[str, int]) -> None:
    """Create ``tonight(metric, source_system, value)`` and ``next_run_metric``, tonight's after all earlier nights'.

    Args:
        con: connection with a night's tables (``identity``, ``record``, ``clustered``, ``was``, ``now``, ``event``,
            ``run_metric``, ``truth``).
        as_of: the night; run again, it replaces what it said before.
        grouping: what clustering did.
        decisions: further counts, about stewards' decisions.

    """
    con.execute(f"create or replace temp table tonight as {_METRICS}")
    counts = decisions | {
        "refused_edges": grouping.refused_edges,
        "ambiguous_records": grouping.ambiguous_records,
        "oversized_clusters": grouping.oversized_clusters,
    }
    scores = _true_scores(con)
    con.executemany("insert into tonight values (?, null, ?)", [[k, float(v)] for k, v in (counts | scores).items()])
    con.execute(
        "create or replace temp table next_run_metric as select * from run_metric where as_of <> $as_of::timestamp "
        "union all select $as_of::timestamp, * from tonight",
        {"as_of": as_of},
    )


def _true_scores(con: duckdb.DuckDBPyConnection) -> dict[str, float]:
    """Return pair precision and recall of the identities whose person is known; nothing where none is."""
    if not con.execute("select count(*) from truth").fetchall()[0][0]:
        return {}
    con.execute(
        """
        create or replace temp table judged as
        select truth.true_person as truth, coalesce(now.person_id, -row_number() over ()) as cluster
        from truth inner join identity using (source_system, source_record_id)
        left join now using (source_system, source_record_id)
        """
    )
    scores = cluster_scores(con, "judged")
    return {name: scores[name] for name in ("pair_precision", "pair_recall")}
