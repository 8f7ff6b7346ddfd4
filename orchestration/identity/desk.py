"""The steward's desk: what waits for a decision, deciding, and what happened to a person.

Belongs here: reading the exchange and the state for people, appending decisions. Does not belong: matching.
What it prints names source keys and reasons, never a person's data: stewards open the charts in the sources.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.table import Table

from orchestration.identity.decisions import (
    Decision,
    DecisionError,
    Key,
    contradictions,
    read_decisions,
    write_decisions,
)
from orchestration.identity.explain import Explanation
from orchestration.identity.outputs import output_file
from orchestration.identity.state import DECISIONS
from orchestration.lake.duck import connect, quote

REASONS = """refused: joined by evidence, kept apart because one person cannot be both
ambiguous: it fits two people who exclude each other
review: too little evidence to join by itself"""


def review_table(exchange: Path, folder: Path, limit: int) -> Table:
    """Return the review queue, heaviest pairs first, without those already decided.

    Identities are written as ``decide`` reads them. Raises FileNotFoundError if there was no night yet.
    """
    queue = quote(output_file(exchange, "identity_review_queue"))
    decided = {frozenset((_name(d.a), _name(d.b))) for d in read_decisions(folder / DECISIONS)}
    columns, rows = _read(
        "select source_system_a || ':' || source_record_id_a as a, source_system_b || ':' || source_record_id_b as b, "
        f"reason, round(match_weight, 1) as weight, rules from read_parquet({queue}) order by match_weight desc, a, b"
    )
    waiting = [row for row in rows if frozenset(row[:2]) not in decided]
    shown = waiting[:limit]
    return _table(f"{len(shown)} of {len(waiting)} pairs that wait for a decision", columns, shown, REASONS)


def history_tables(exchange: Path, person: int | Key) -> Iterator[Table]:
    """Return what is known of a person id: where it resolves to, its identities, what happened to it.

    ``person`` is an id, or a source identity, which stands for the person it is. Raises DecisionError if nobody is
    meant, FileNotFoundError if there was no night yet.
    """
    if not isinstance(person, int):
        found = _person_of(exchange, person)
        if found is None:
            raise DecisionError("that identity was nobody last night")
        person = found
    for title, name, where in (
        ("id", "identity_persons", f"person_id = {person}"),
        ("source identities", "person_crosswalk", f"person_id = {person}"),
        ("events", "identity_person_events", f"{person} in (person_id, other_person_id)"),
    ):
        file = quote(output_file(exchange, name))
        columns, rows = _read(f"select * from read_parquet({file}) where {where} order by all")
        if name == "identity_persons" and not rows:
            raise DecisionError("no person has or had that id")
        yield _table(title, columns, rows)


def _person_of(exchange: Path, key: Key) -> int | None:
    file, (system, record) = quote(output_file(exchange, "person_crosswalk")), key
    _, rows = _read(
        f"select person_id from read_parquet({file}) "
        f"where source_system = {quote(system)} and source_record_id = {quote(record)}"
    )
    return int(rows[0][0]) if rows else None


def last_night(exchange: Path, a: Key, b: Key) -> str:
    """Say in words what two identities were last night. Raises FileNotFoundError if there was no night yet."""
    persons = _person_of(exchange, a), _person_of(exchange, b)
    if None in persons:
        return "neither was anybody" if persons == (None, None) else "one of them was nobody"
    return "one person" if persons[0] == persons[1] else "two persons"


def unknown_identities(exchange: Path, decisions: list[Decision]) -> int:
    """Count the identities in decisions that last night's records did not have (all, if there was no night)."""
    named = {key for decision in decisions for key in (decision.a, decision.b)}
    records = exchange / "identity_records.parquet"
    if not records.exists():
        return len(named)
    _, rows = _read(f"select source_system, source_record_id from read_parquet({quote(records)})")
    return len(named - set(rows))


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


def _name(key: Key) -> str:
    return ":".join(key)


def _read(query: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    with connect() as con:
        result = con.execute(query)
        return [column[0] for column in result.description or []], result.fetchall()


def _table(title: str, columns: list[str], rows: list[tuple[Any, ...]], caption: str | None = None) -> Table:
    table = Table(title=title, caption=caption, caption_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")  # an identity cut short cannot be copied
    for row in rows:
        table.add_row(*["" if value is None else str(value) for value in row])
    return table
