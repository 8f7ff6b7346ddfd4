"""Person ids that stay: today's clusters take over yesterday's ids.

Belongs here: overlap with the earlier persons, minting, merges and splits. Does not belong: files (``state``).
"""

from __future__ import annotations

import duckdb
import numpy as np

#: Ids are random and fit a double exactly, so that no tool between here and a spreadsheet rounds them.
ID_LOW, ID_HIGH = 2**40, 2**53

#: An EHR record weighs more than others when clusters compete for an id: the chart is what people look up.
EHR_WEIGHT = 10


def assign_ids(con: duckdb.DuckDBPyConnection) -> None:
    """Create ``assigned(cluster, person_id)`` for the clusters of ``cluster_identity``.

    Reads the earlier state ``was(source_system, source_record_id, person_id)``, ``person(person_id, minted_at)`` and
    ``former(...)``, the last members of ids that have gone: an id that merged away returns when the merge is undone.
    """
    con.execute("create or replace temp table assigned (cluster bigint, person_id bigint)")
    for earlier in ("was", "former"):
        con.execute(
            f"""
            create or replace temp table overlap as
            select
                now.cluster, earlier.person_id, any_value(person.minted_at) as minted_at,
                min((now.source_system, now.source_record_id)) as first_key,
                sum(case when now.source_system = 'ehr' then {EHR_WEIGHT} else 1 end) as weight
            from cluster_identity as now
            inner join {earlier} as earlier using (source_system, source_record_id)
            inner join person on person.person_id = earlier.person_id
            group by now.cluster, earlier.person_id
            """
        )
        while _assign_mutual_best(con):
            pass
    _mint(con)


def _assign_mutual_best(con: duckdb.DuckDBPyConnection) -> int:
    """Assign ids to the clusters that are each other's best; a tie goes to the oldest id. Returns how many."""
    con.execute("delete from overlap where cluster in (select cluster from assigned)")
    con.execute("delete from overlap where person_id in (select person_id from assigned)")
    inserted = con.execute(
        """
        insert into assigned
        with best_person as (
            select cluster, person_id from overlap
            qualify row_number() over (partition by cluster order by weight desc, minted_at, first_key) = 1
        ),
        best_cluster as (
            select cluster, person_id from overlap
            qualify row_number() over (partition by person_id order by weight desc, cluster) = 1
        )
        select cluster, person_id from best_person inner join best_cluster using (cluster, person_id)
        """
    )
    return int(inserted.fetchall()[0][0])


def _mint(con: duckdb.DuckDBPyConnection) -> None:
    """Give every cluster without an id a new random one that was never used."""
    needed = [
        row[0]
        for row in con.execute(
            "select distinct cluster from cluster_identity anti join assigned using (cluster) order by cluster"
        ).fetchall()
    ]
    if not needed:
        return
    used = {row[0] for row in con.execute("select person_id from person").fetchall()}
    random = np.random.default_rng()
    fresh: dict[int, None] = {}
    while len(fresh) < len(needed):
        drawn = random.integers(ID_LOW, ID_HIGH, size=len(needed) - len(fresh))
        fresh.update((number, None) for number in drawn.tolist() if number not in used)
    minted = {"cluster": np.array(needed, dtype=np.int64), "person_id": np.fromiter(fresh, dtype=np.int64)}
    con.register("minted", minted)
    con.execute("insert into assigned select cluster, person_id from minted")
    con.unregister("minted")


#: What happened to persons tonight: an id that merged away, one whose identities went to others, one new, one gone.
EVENTS = """
with moved as (
    select was.person_id as earlier, now.person_id as person_id, count(*) as identities
    from was inner join now using (source_system, source_record_id) group by all
),
active as (select distinct person_id from now),
gone as (select distinct person_id from was where person_id not in (select person_id from active))
select 'merged_into' as event, earlier as person_id, max_by(person_id, (identities, -person_id)) as other_person_id,
    sum(identities)::bigint as identities
from moved where earlier in (select person_id from gone) group by earlier
union all
select 'split_to', earlier, person_id, identities
from moved where earlier <> person_id and earlier not in (select person_id from gone)
union all
select 'minted', person_id, null, count(*)
from now where person_id not in (select person_id from person) group by person_id
union all
select 'returned', person_id, null, count(*)
from now where person_id in (select person_id from person) and person_id not in (select person_id from was)
group by person_id
union all
select 'gone', person_id, null, 0 from gone where person_id not in (select earlier from moved)
"""
