"""The steward's desk: what waits for a decision, deciding, and what happened to a person.

Belongs here: reading the exchange and the state for people, appending decisions. Does not belong: matching.
What it prints names source keys and reasons, never a person's data: stewards open the charts in the sources.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
from rich.table import Table

from orchestration.identity.decisions import (
    Decision,
    DecisionError,
    contradictions,
    read_decisions,
    write_decisions,
)
from orchestration.identity.explain import Explanation
from orchestration.identity.state import DECISIONS
from orchestration.lake.duck import quote


def review_table(exchange: Path, limit: int) -> Table:
    """Return the review queue, heaviest pairs first, without those already decided."""
    queue = quote(exchange / "identity_review_queue.parquet")
    return _table(
        f"{limit} pairs that wait for a decision",
        f"select * replace (round(match_weight, 1) as match_weight) from read_parquet({queue}) "
        f"order by match_weight desc, source_system_a, source_record_id_a, source_record_id_b limit {limit}",
    )


def history_tables(exchange: Path, person_id: int) -> Iterator[Table]:
    """Return what is known of a person id: where it resolves to, its identities, what happened to it."""
    for title, name, where in (
        ("id", "identity_persons", f"person_id = {person_id}"),
        ("source identities", "person_crosswalk", f"person_id = {person_id}"),
        ("events", "identity_person_events", f"{person_id} in (person_id, other_person_id)"),
    ):
        yield _table(
            title, f"select * from read_parquet({quote(exchange / f'{name}.parquet')}) where {where} order by all"
        )


def import_decisions(folder: Path, decisions: list[Decision]) -> int:
    """Add decisions to those that stand; a later one about the same two identities replaces the earlier.

    Raises DecisionError, changing nothing, if the result contradicts itself.
    """
    standing = {frozenset((d.a, d.b)): d for d in [*read_decisions(folder / DECISIONS), *decisions]}
    result = list(standing.values())
    conflicts = contradictions(result)
    if conflicts:
        raise DecisionError(f"{len(conflicts)} NO_MATCH contradict a chain of MATCH decisions; nothing was changed")
    write_decisions(folder / DECISIONS, result)
    return len(result)


def explanation_table(why: Explanation) -> Table:
    """Return what speaks for and against a pair, the prior first."""
    table = Table("field", "agreement", "weight", title="Weights (log2 odds)")
    for part in why.weights:
        table.add_row(part.field, part.level, f"{part.weight:+.1f}")
    if why.weights:
        table.add_row("total", f"joins from {why.threshold}", f"{why.total:+.1f}")
    table.add_row("trusted rules", ", ".join(why.rules) or "none", "")
    table.add_row("vetoes", ", ".join(why.vetoes) or "none", "")
    if why.same_content:
        table.add_row("content", "both say exactly the same", "")
    return table


def _table(title: str, query: str) -> Table:
    with duckdb.connect() as con:
        result = con.execute(query)
        table = Table(*[column[0] for column in result.description or []], title=title)
        for row in result.fetchall():
            table.add_row(*["" if value is None else str(value) for value in row])
    return table
