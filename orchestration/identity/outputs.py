"""What identity resolution hands over as Parquet (spec: docs of each table in its function).

Belongs here: the columns and order of the outputs. Does not belong: computing them.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from orchestration.identity.state import write_parquet

#: The crosswalk: one row per source identity that is somebody.
_CROSSWALK = """
select source_system, source_record_id, person_id, grade, match_confidence, valid_from, null::timestamp as valid_to
from now order by source_system, source_record_id
"""

#: Every edge with both keys (of the first identity of each content), its rule, its weight and what became of it.
_EDGES = """
select
    l.source_system as source_system_a, l.source_record_id as source_record_id_a,
    r.source_system as source_system_b, r.source_record_id as source_record_id_b,
    edge.stage, edge.rule, edge.weight as match_weight, edge.grade, edge.decision
from edge inner join record l on l.rid = edge.l inner join record r on r.rid = edge.r
order by all
"""

#: Every id ever given, with the live id that it resolves to now.
_PERSONS = """
with recursive resolved as (
    select person_id, merged_into as target, 1 as hops from next_person where merged_into is not null
    union all
    select resolved.person_id, p.merged_into, hops + 1
    from resolved inner join next_person p on p.person_id = resolved.target
    where p.merged_into is not null and hops < 50
),
last_target as (select person_id, max_by(target, hops) as target from resolved group by person_id),
members as (
    select person_id, count(*) as identities, bool_or(source_system = 'ehr') as has_ehr, min(match_confidence) as least
    from now group by person_id
)
select
    p.person_id, p.minted_at, p.gone_at, last_target.target as merged_into,
    coalesce(members.identities, 0) as source_identities, coalesce(members.has_ehr, false) as has_ehr,
    members.least as match_confidence
from next_person p
left join last_target using (person_id) left join members using (person_id)
order by p.person_id
"""

#: Pairs for a steward: a weak identity that fits two people who exclude each other, and refused edges.
_REVIEW = """
select
    l.source_system as source_system_a, l.source_record_id as source_record_id_a,
    r.source_system as source_system_b, r.source_record_id as source_record_id_b,
    edge.decision as reason, max(edge.weight) as match_weight, string_agg(distinct edge.rule, ', ') as rules
from edge inner join record l on l.rid = edge.l inner join record r on r.rid = edge.r
where edge.decision in ('ambiguous', 'refused', 'review')
group by all
order by all
"""


def output_file(exchange: Path, name: str) -> Path:
    """Return the path of an output of last night. Raises FileNotFoundError if there was no night yet."""
    path = exchange / f"{name}.parquet"
    if not path.exists():
        raise FileNotFoundError(f"{path.name} is missing: run a night first")
    return path


def write_outputs(con: duckdb.DuckDBPyConnection, exchange: Path) -> None:
    """Write the Parquet outputs into the exchange folder, the crosswalk last."""
    for name, select in {
        "identity_edges": _EDGES,
        "identity_persons": _PERSONS,
        "identity_person_events": "select * from next_person_event order by all",
        "identity_review_queue": _REVIEW,
        "identity_run_metrics": "select * from next_run_metric order by all",
        "identity_truth": "select * from truth order by all",
        "person_crosswalk": _CROSSWALK,
    }.items():
        write_parquet(con, select, exchange / f"{name}.parquet")
