"""One night of identity resolution, from `identity_records` to `person_crosswalk`.

Belongs here: the order of the steps and what they hand over. Does not belong: how a step works.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from orchestration.identity.config import shipped_rules
from orchestration.identity.decisions import Decision, contradictions, read_decisions
from orchestration.identity.grouping import Grouping, group_records
from orchestration.identity.increment import write_index
from orchestration.identity.matching import find_model_edges, find_trusted_edges, label_trusted_pairs
from orchestration.identity.model import newest_model, save_model, train_model
from orchestration.identity.outputs import write_outputs
from orchestration.identity.persons import EVENTS, assign_ids
from orchestration.identity.records import RecordsError, load_records, read_parquet
from orchestration.identity.run_metrics import load_truth, measure_run
from orchestration.identity.state import DECISIONS, load_state, propose_state
from orchestration.identity.ties import note_ties, recall_ties
from orchestration.identity.timing import timed
from orchestration.lake.duck import connect, quote

#: Fewer pairs than this teach chance, not how people's records differ.
LEAST_LABELS = 500


@dataclass(frozen=True)
class IdentityReport:
    """What a night's matching did; counts only."""

    identities: int
    persons: int
    without_person: int
    minted: int
    merged: int
    split: int
    ambiguous_records: int
    refused_edges: int
    oversized_clusters: int
    decisions: int
    unknown_decisions: int
    contradictory_decisions: int
    kept_share: float  # of identities known before, those whose person kept its id
    attached: dict[str, float]  # source -> share of its identities that have a person
    seconds: dict[str, float]  # stage -> wall seconds


def resolve(
    records: Path,
    exchange: Path,
    folder: Path,
    *,
    as_of: datetime | None = None,
    truth: Path | None = None,
) -> IdentityReport:
    """Decide who is one person.

    Args:
        records: Parquet of `identity_records`.
        exchange: where `person_crosswalk.parquet`, `identity_*.parquet` and the proposed state are written.
        folder: the identity folder (JOURNEYS_HOME/identity): the state that holds, stewards' decisions. Only read.
        as_of: the night's clock (UTC) for minted ids and events; the newest statement's time if not given.
        truth: CSV (source_system, source_record_id, true_person) of who identities really are, where somebody knows;
            never matched on.

    Returns:
        Counts for checks and metadata.

    Raises:
        RulesError, RecordsError, DecisionError: input that cannot be used; messages carry no record's values.

    """
    rules = shipped_rules()
    seconds: dict[str, float] = {}
    exchange.mkdir(parents=True, exist_ok=True)
    with connect(spill=exchange / "spill") as con:
        if as_of is None:
            as_of = con.execute(f"select max(valid_from) from {read_parquet(records)}").fetchall()[0][0]
        clock = as_of or datetime(1970, 1, 1)  # noqa: DTZ001 - naive UTC, as everywhere in the lake
        decisions = [d for d in read_decisions(folder / DECISIONS) if d.holds(clock.date())]
        with timed(seconds, "records"):
            load_records(con, read_parquet(records), rules, apart=_named_in(decisions))
        with timed(seconds, "rules"):
            find_trusted_edges(con, rules)
        if model := newest_model(folder):
            with timed(seconds, "model"):
                find_model_edges(con, rules, model)
        with timed(seconds, "clusters"):
            generation = load_state(con, folder)
            recall_ties(con, rules)
            grouping = group_records(con, rules, decisions)
        with timed(seconds, "ids"):
            _name_persons(con, clock)
            note_ties(con)
        with timed(seconds, "outputs"):
            load_truth(con, truth)
            measure_run(con, clock, grouping, _counted(decisions, grouping))
            write_index(con, exchange)
            write_outputs(con, exchange)
            propose_state(con, exchange, generation + 1)
        return _report(con, seconds)


def train(records: Path, folder: Path) -> Path:
    """Train a model on `identity_records` and keep it in the identity folder; the next night uses it.

    On demand, not nightly: a model is pinned so that people do not change because weights moved. Needs
    ``LEAST_LABELS`` pairs joined by trusted rules; raises RecordsError below that. Returns the path of the model.
    """
    rules = shipped_rules()
    with connect() as con:
        load_records(con, read_parquet(records), rules)
        find_trusted_edges(con, rules)
        label_trusted_pairs(con)
        pairs = int(con.execute("select count(*) from labels").fetchall()[0][0])
        if pairs < LEAST_LABELS:
            raise RecordsError(
                f"trusted rules join {pairs} pairs of records; a model needs {LEAST_LABELS} to learn from"
            )
        return save_model(train_model(con, rules, "labels"), folder)


def _counted(decisions: list[Decision], grouping: Grouping) -> dict[str, int]:
    return {
        "decisions": len(decisions),
        "unknown_decisions": grouping.unknown_decisions,
        "contradictory_decisions": len(contradictions(decisions)),
    }


def _named_in(decisions: list[Decision]) -> str:
    """SQL condition: the identity is named in a decision, so it must not share a record with others."""
    keys = sorted({key for decision in decisions for key in (decision.a, decision.b)})
    if not keys:
        return "false"
    listed = ", ".join(f"({quote(system)}, {quote(record)})" for system, record in keys)
    return f"(source_system, source_record_id) in ({listed})"


def _name_persons(con: duckdb.DuckDBPyConnection, as_of: datetime) -> None:
    """Create ``now`` (identity → person with grade), tonight's events and the tables of the next state."""
    con.execute(
        """
        create or replace temp table cluster_identity as
        with evident as (
            select cluster from clustered inner join record using (rid) where is_evident
            union  -- what a steward joined is somebody
            select cluster from clustered inner join edge on edge.l = clustered.rid where edge.stage = 'decision'
        )
        select clustered.cluster, identity.source_system, identity.source_record_id, identity.valid_from,
            clustered.grade, clustered.match_confidence
        from identity inner join clustered using (rid) inner join evident using (cluster)
        """
    )
    assign_ids(con)
    con.execute(
        "create or replace temp table now as select person_id, cluster_identity.* exclude (cluster) "
        "from cluster_identity inner join assigned using (cluster)"
    )
    con.execute(f"create or replace temp table event as {EVENTS}")
    _next_state(con, as_of)


def _next_state(con: duckdb.DuckDBPyConnection, as_of: datetime) -> None:
    con.execute("create or replace temp table next_was as select source_system, source_record_id, person_id from now")
    con.execute(
        """
        create or replace temp table next_person as
        select person.person_id, person.minted_at,
            case when now.person_id is null
                then coalesce(merged.other_person_id, person.merged_into) end as merged_into,
            case when now.person_id is null then coalesce(person.gone_at, $as_of::timestamp) end as gone_at
        from person
        left join (select distinct person_id from now) as now using (person_id)
        left join (select * from event where event = 'merged_into') as merged using (person_id)
        union all
        select person_id, $as_of::timestamp, null, null from event where event = 'minted'
        """,
        {"as_of": as_of},
    )
    con.execute(
        """
        create or replace temp table next_former as
        select person_id, source_system, source_record_id from former
        where person_id not in (select person_id from now)
        union
        select person_id, source_system, source_record_id from was
        where person_id not in (select person_id from now)
        """
    )
    con.execute(
        "create or replace temp table next_person_event as select * from person_event "
        "union all select $as_of::timestamp, * from event",
        {"as_of": as_of},
    )


def _report(con: duckdb.DuckDBPyConnection, seconds: dict[str, float]) -> IdentityReport:
    rows = con.execute("select metric, value from tonight where source_system is null").fetchall()
    count = {metric: int(value) for metric, value in rows}
    exact = dict(rows)
    attached = con.execute(
        "select source_system, value from tonight where metric = 'attached_share' order by source_system"
    ).fetchall()
    return IdentityReport(
        identities=count["identities"],
        persons=count["persons"],
        without_person=count["identities"] - int(con.execute("select count(*) from now").fetchall()[0][0]),
        minted=count["minted"],
        merged=count["merged"],
        split=count["split"],
        ambiguous_records=count["ambiguous_records"],
        refused_edges=count["refused_edges"],
        oversized_clusters=count["oversized_clusters"],
        decisions=count["decisions"],
        unknown_decisions=count["unknown_decisions"],
        contradictory_decisions=count["contradictory_decisions"],
        kept_share=exact["kept_share"],
        attached=dict(attached),
        seconds=seconds,
    )
