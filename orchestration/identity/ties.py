"""What was shown stays shown: a call stays with whom its telephone led to when that person's number changes.

Belongs here: remembering the strongest evidence that joined each identity, recalling it on nights that show none.
Does not belong: finding evidence (``matching``), the files of the state (``state``).

People move, marry, change their telephone and their insurance; that does not undo what was seen before. A tie is
recalled only while the identity itself says the same as then, its other end still is the same somebody (``_LASTING``),
no veto holds between the two, and tonight's records give the identity no evidence of their own. Stewards' decisions
make no ties, so that undoing one leaves none behind.
"""

from __future__ import annotations

import duckdb
import numpy as np

from orchestration.identity.clusters import components
from orchestration.identity.columns import MATCH_COLUMNS
from orchestration.identity.config import Rules
from orchestration.identity.matching import read_edges

#: What a person does not change: where the other end of a tie says something else now, it was corrected.
_LASTING = ("mrn_key", "given", "birth", "sex", "ssn4")

_CONTENT = tuple(name for name, kind in MATCH_COLUMNS.items() if kind == "varchar" and name != "email_user")


def recall_ties(con: duckdb.DuckDBPyConnection, rules: Rules) -> None:
    """Add to ``edge`` what joined an identity on earlier nights and no record shows any more (stage `kept`).

    Reads ``tie``, creates ``recalled``: those of its rows that stand in for tonight's evidence.
    """
    _find_shown(con)
    con.execute(
        """
        create or replace temp table alone as
        select tie.*, a.rid as x, b.rid as y
        from identity a anti join shown using (rid)
        inner join tie using (source_system, source_record_id)
        inner join identity b on b.source_system = tie.other_system and b.source_record_id = tie.other_record_id
        where a.rid <> b.rid
        """
    )
    con.execute(
        f"""
        create or replace temp table recalled as
        with ends as materialized (select * from record where rid in (select x from alone union select y from alone))
        select alone.*
        from alone inner join ends l on l.rid = alone.x inner join ends r on r.rid = alone.y
        where alone.content = {_print("l", _CONTENT)} and alone.lasting = {_print("r", _LASTING)}
            and not {rules.vetoed}
        """
    )
    con.execute(
        "insert into edge select least(x, y), greatest(x, y), 'kept', max_by(rule, weight), max(weight), "
        "max_by(grade, weight), null from recalled group by least(x, y), greatest(x, y)"
    )


def _find_shown(con: duckdb.DuckDBPyConnection) -> None:
    """Create ``shown(rid)``: the records that tonight's evidence leads to somebody else, directly or through others."""
    part = components(*read_edges(con, "decision is null"))
    con.register("part_of", {"rid": np.arange(len(part)), "part": part})
    con.execute(
        """
        create or replace temp table shown as
        select rid from record inner join part_of using (rid)
        qualify sum(is_evident::int) over (partition by part) > is_evident::int
        """
    )
    con.unregister("part_of")


def note_ties(con: duckdb.DuckDBPyConnection) -> None:
    """Create ``next_tie``: per identity the best evidence that joined it to another, tonight's or recalled."""
    con.execute(
        f"""
        create or replace temp table next_tie as
        with joined as (
            select l as x, r as y, weight, rule, grade from edge
            where decision = 'joined' and stage in ('trusted', 'model', 'kept')
            union all
            select r, l, weight, rule, grade from edge
            where decision = 'joined' and stage in ('trusted', 'model', 'kept')
        ),
        best as (
            select joined.x, max_by(struct_pack(y, weight, rule, grade), (record.is_evident, weight, -y)) as edge
            from joined inner join record on record.rid = joined.y
            group by joined.x
        )
        select
            identity.source_system, identity.source_record_id,
            r.source_system as other_system, r.source_record_id as other_record_id,
            best.edge.rule as rule, best.edge.weight as weight, best.edge.grade as grade,
            {_print("l", _CONTENT)} as content, {_print("r", _LASTING)} as lasting
        from best
        inner join identity on identity.rid = best.x
        inner join record l on l.rid = best.x
        inner join record r on r.rid = best.edge.y
        where best.x not in (select x from recalled)
        union all
        select * exclude (x, y) from recalled
        """
    )


def _print(side: str, columns: tuple[str, ...]) -> str:
    """Return the SQL of a number that stands for what a record says in these columns, the same in every release."""
    values = ", ".join(f"coalesce({side}.{name}, '')" for name in columns)
    return f"md5_number_lower(concat_ws('|', {values}))"
