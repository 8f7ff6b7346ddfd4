"""How right persons are, where the truth is known.

Belongs here: pair and B-cubed scores of a clustering, and the cases that hurt (twins, households, calls).
Does not belong: reading labelled files (``score``).
"""

from __future__ import annotations

import duckdb

_PAIRS = "sum(n * (n - 1) / 2)"


def cluster_scores(con: duckdb.DuckDBPyConnection, table: str) -> dict[str, float]:
    """Return pair and B-cubed precision, recall and F1 of ``table(truth, cluster)``, records without truth left out."""
    row = con.execute(
        f"""
        with labelled as (select truth, cluster from {table} where truth is not null),
        agreed as (select truth, cluster, count(*) as n from labelled group by all),
        found as (select cluster, sum(n) as n from agreed group by cluster),
        real as (select truth, sum(n) as n from agreed group by truth)
        select
            (select {_PAIRS} from agreed), (select {_PAIRS} from found), (select {_PAIRS} from real),
            (select sum(agreed.n * agreed.n / found.n) / sum(agreed.n) from agreed inner join found using (cluster)),
            (select sum(agreed.n * agreed.n / real.n) / sum(agreed.n) from agreed inner join real using (truth)),
            (select count(*) from found), (select count(*) from real), (select max(n) from found),
            (select count(*) from (select cluster from agreed group by cluster having count(*) > 1))
        """
    ).fetchall()[0]
    both, found, real, b3_precision, b3_recall, clusters, persons, largest, mixed = (value or 0 for value in row)
    precision, recall = both / found if found else 1.0, both / real if real else 1.0
    return {
        "pair_precision": float(precision),
        "pair_recall": float(recall),
        "pair_f1": f1(float(precision), float(recall)),
        "b3_precision": float(b3_precision),
        "b3_recall": float(b3_recall),
        "b3_f1": f1(float(b3_precision), float(b3_recall)),
        "clusters": int(clusters),
        "true_persons": int(persons),
        "largest_cluster": int(largest),
        "mixed_clusters": int(mixed),
    }


def f1(precision: float, recall: float) -> float:
    """Return the harmonic mean, 0 where both are 0."""
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def merged_household_pairs(con: duckdb.DuckDBPyConnection, table: str) -> dict[str, float]:
    """Return the share of pairs of different people of one household that share a cluster, by kind of pair.

    ``table`` has truth, cluster, household, and may tell twins (``twin``) and true names and birth dates
    (``true_given, true_family, true_birth``): twins share the birth date, junior and senior the name.
    """
    rows = con.execute(
        f"""
        with person as (
            select truth, any_value(household) as household, bool_or(twin) as twin, any_value(true_given) as given,
                any_value(true_family) as family, any_value(true_birth) as birth
            from {table} where truth is not null group by truth
        ),
        pair as (
            select a.truth as a, b.truth as b,
                case when a.twin and b.twin and a.birth = b.birth then 'twins'
                    when a.given = b.given and a.family = b.family then 'junior_senior' else 'household' end as kind
            from person a inner join person b on a.household = b.household and a.truth < b.truth
        ),
        shared as (
            select distinct x.truth as a, y.truth as b
            from {table} x inner join {table} y on x.cluster = y.cluster and x.truth < y.truth
        )
        select kind, count(*), avg((shared.a is not null)::int)
        from pair left join shared using (a, b) group by kind order by kind
        """
    ).fetchall()
    result: dict[str, float] = {}
    for kind, pairs, share in rows:
        result |= {f"{kind}_pairs": int(pairs), f"{kind}_merged_share": float(share)}
    return result


def attachment(con: duckdb.DuckDBPyConnection, table: str) -> dict[str, float]:
    """Return per source how its records join the EHR: precision and recall against the person who has an EHR record.

    A cluster is the person most of its EHR records are of. ``table`` has truth, cluster, source_system.
    """
    rows = con.execute(
        f"""
        with chart as (
            select cluster, truth, count(*) as n from {table} where source_system = 'ehr' group by all
        ),
        owner as (select cluster, max_by(truth, (n, truth)) as owner from chart group by cluster),
        charted as (select distinct truth from {table} where source_system = 'ehr')
        select t.source_system, count(owner.owner), count(*) filter (owner.owner = t.truth),
            count(charted.truth)
        from {table} t left join owner using (cluster) left join charted using (truth)
        where t.source_system <> 'ehr' and t.truth is not null group by all order by all
        """
    ).fetchall()
    result: dict[str, float] = {}
    for source, attached, right, possible in rows:
        result |= {f"{source}_precision": right / attached if attached else 1.0}
        result |= {f"{source}_recall": right / possible if possible else 1.0}
    return result
