"""New identities among those of last night, within seconds: whose are they?

Belongs here: finding the neighbourhood of new identities and deciding within it by the same rules, model and guards as
a night. Does not belong: changing anything. Persons neither merge nor split before the next night sees all records.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from orchestration.identity.columns import BLOCKING_COLUMNS
from orchestration.identity.config import Rules, shipped_rules
from orchestration.identity.decisions import read_decisions
from orchestration.identity.grouping import group_records
from orchestration.identity.matching import DECLARED_WEIGHT, find_model_edges, find_trusted_edges
from orchestration.identity.model import newest_model
from orchestration.identity.outputs import output_file
from orchestration.identity.records import load_records, read_parquet
from orchestration.identity.state import DECISIONS, write_parquet
from orchestration.lake.duck import connect

#: Last night's records to compare with, each with the person it is.
INDEX = "identity_index"


@dataclass(frozen=True)
class Placement:
    """What became of new identities; counts only."""

    identities: int
    placed: int  # they are a person of last night
    compared_records: int  # of last night, that they were compared with


def write_index(con: duckdb.DuckDBPyConnection, exchange: Path) -> None:
    """Write a night's ``record`` with its persons (``now``) for ``place``."""
    write_parquet(
        con,
        "select record.* exclude (content_hash), now.person_id from record "
        "left join now using (source_system, source_record_id)",
        exchange / f"{INDEX}.parquet",
    )


def place(new: Path, exchange: Path, folder: Path, out: Path) -> Placement:
    """Tell for each new identity which person of last night it is, if any.

    Args:
        new: Parquet with the columns of `identity_records`.
        exchange: what last night left there.
        folder: the identity folder, for the model and the decisions. Only read.
        out: Parquet to write: source_system, source_record_id, person_id (null: nobody known), grade, match_confidence.

    Raises:
        FileNotFoundError: there was no night yet.
        RulesError, RecordsError, DecisionError: input that cannot be used.

    """
    rules = shipped_rules()
    index = output_file(exchange, INDEX)
    with connect() as con:
        identities = load_records(con, read_parquet(new), rules)
        con.execute(f"create temp view known as select * from {read_parquet(index)}")
        con.execute("alter table record rename to fresh")
        con.execute("alter table identity rename to fresh_identity")
        first_new = _neighbourhood(con, rules)
        find_trusted_edges(con, rules)
        con.execute(f"delete from edge where r < {first_new}")
        con.execute(
            f"""
            insert into edge
            select first_rid, rid, 'declared', 'known', {DECLARED_WEIGHT}, 'certain', null
            from (
                select rid, min(rid) over (partition by person_id) as first_rid from record
                where person_id is not null
            )
            where rid <> first_rid
            union all
            select known.rid, fresh.rid, 'declared', 'told again', {DECLARED_WEIGHT}, 'certain', null
            from identity as known inner join identity as fresh using (source_system, source_record_id)
            where known.rid < {first_new} and fresh.rid >= {first_new}
            """
        )
        if model := newest_model(folder):
            find_model_edges(con, rules, model, new_from=first_new)
        group_records(con, rules, read_decisions(folder / DECISIONS))
        write_parquet(con, _PLACED.format(first_new=first_new), out)
        placed = con.execute(f"select count(person_id) from {read_parquet(out)}").fetchall()[0][0]
    return Placement(identities, int(placed), first_new)


#: A cluster is the person that most of its known identities are of, charts first.
_PLACED = """
with owned as (
    select clustered.cluster, record.person_id,
        sum(record.identities * case when record.is_ehr then 10 else 1 end) as weight
    from clustered inner join record using (rid) where record.person_id is not null group by all
),
owner as (select cluster, max_by(person_id, (weight, -person_id)) as person_id from owned group by cluster)
select identity.source_system, identity.source_record_id, owner.person_id,
    case when owner.person_id is not null then clustered.grade end as grade,
    case when owner.person_id is not null then clustered.match_confidence end as match_confidence
from identity inner join clustered using (rid) left join owner using (cluster)
where identity.rid >= {first_new}
order by identity.source_system, identity.source_record_id
"""


def _neighbourhood(con: duckdb.DuckDBPyConnection, rules: Rules) -> int:
    """Create ``record`` and ``identity`` of the new and of everybody they share a key with; returns the first new rid.

    Whole persons come along, so that vetoes see all that is known of them.
    """
    keys = {tuple(rule.keys) for rule in rules.trusted_rules}
    keys |= {tuple(columns) for columns in (rules.model.blocking if rules.model else [])}
    near = " union ".join(_sharing(columns, rules.max_block) for columns in sorted(keys))
    told_again = "select rid from known semi join fresh_identity using (source_system, source_record_id)"
    con.execute(f"create temp table near as {near} union {told_again}")
    con.execute(
        """
        create temp table neighbour as
        with persons as (select person_id from known where rid in (select rid from near))
        select * from known
        where rid in (select rid from near) or person_id in (select person_id from persons)
        """
    )
    first_new = int(con.execute("select count(*) from neighbour").fetchall()[0][0])
    con.execute(
        f"""
        create temp table record as
        select * replace ((row_number() over (order by rid) - 1)::integer as rid) from neighbour
        union all by name
        select * exclude (content_hash) replace ((rid + {first_new})::integer as rid) from fresh
        """
    )
    con.execute(
        f"""
        create temp table identity as
        select source_system, source_record_id, null::varchar as links_to, rid from record where rid < {first_new}
        union all by name
        select source_system, source_record_id, links_to, (rid + {first_new})::integer as rid from fresh_identity
        """
    )
    return first_new


def _sharing(columns: tuple[str, ...], max_block: int) -> str:
    """Return the select of known records that share a key with a new one, unless hundreds do."""
    parts = [BLOCKING_COLUMNS.get(column, column) for column in columns]
    fields = ", ".join(f"{part} as key_{i}" for i, part in enumerate(parts))
    names = ", ".join(f"key_{i}" for i in range(len(parts)))
    return (
        f"select rid from (select rid, {names} from (select rid, {fields} from known) "
        f"semi join (select {fields} from fresh) using ({names}) "
        f"qualify count(*) over (partition by {names}) <= {max_block})"
    )
