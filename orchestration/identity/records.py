"""From source identities to comparable records.

Belongs here: normalising the fields, collapsing identities that say exactly the same into one record to compare.
Does not belong: typing and placeholders of the sources (dbt, `identity_records`), comparing.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from orchestration.identity.columns import RECORD_COLUMNS
from orchestration.identity.config import Rules
from orchestration.identity.names import register_names
from orchestration.identity.phones import register_phones
from orchestration.lake.duck import quote


class RecordsError(ValueError):
    """The records cannot be matched; the message names columns and counts, never values."""


def load_records(con: duckdb.DuckDBPyConnection, relation: str, rules: Rules, apart: str = "false") -> int:
    """Create ``identity`` (one row per source identity) and ``record`` (one per distinct content) from a SQL relation.

    ``relation`` is a table, a subquery in parentheses or ``read_parquet(...)`` with the columns of `identity_records`.
    ``identity(source_system, source_record_id, valid_from, links_to, rid)`` points at ``record(rid, ...)``.
    ``apart`` is a SQL condition: identities that keep a record of their own.
    Returns the number of source identities. Raises RecordsError where keys repeat.
    """
    con.execute("set enable_progress_bar = false")  # it would mix with what commands print
    present = {row[0] for row in con.execute(f"describe select * from {relation}").fetchall()}
    columns = ", ".join(
        f"{name}::{kind} as {name}" if name in present else f"null::{kind} as {name}"
        for name, kind in (RECORD_COLUMNS | dict.fromkeys(rules.extra_columns, "varchar")).items()
    )
    con.execute(
        f"create or replace temp table source_identity as select {columns} from {relation} "
        "where source_record_id is not null"
    )
    repeated = con.execute(
        "select count(*) from (select 1 from source_identity group by source_system, source_record_id "
        "having count(*) > 1)"
    ).fetchall()[0][0]
    if repeated:
        raise RecordsError(f"identity_records: {repeated} keys (source_system, source_record_id) occur more than once")
    register_phones(con, "source_identity", rules.default_region)
    con.execute(_clean("".join(f", nullif(lower(trim({name})), '') as {name}" for name in rules.extra_columns)))
    register_names(con, "cleaned")
    con.execute(_standardise("".join(f", {name}" for name in rules.extra_columns)))
    _drop_shared_values(con, rules)
    _collapse(con, rules, apart)
    return int(con.execute("select count(*) from identity").fetchall()[0][0])


def read_parquet(path: Path) -> str:
    """Return the SQL relation of a Parquet file."""
    return f"read_parquet({quote(path)})"


# An identifier number from several columns: letters and digits only, upper case.
_CODE = "nullif(regexp_replace(upper({0}), '[^A-Z0-9]', '', 'g'), '')"

# Names lose case, accents and punctuation; a given name keeps its first word (the rest are alternatives).
_NAME = "nullif(trim(regexp_replace(strip_accents(lower({0})), '[^a-z ]', '', 'g')), '')"


def _clean(extra: str) -> str:
    return f"""
    create or replace temp table cleaned as
    select
        source_system,
        source_record_id,
        valid_from,
        links_to,
        coalesce(mrn_system, '') || '|' || {_CODE.format("mrn")} as mrn_key,
        {_NAME.format("given")} as given_words,
        split_part(given_words, ' ', 1) as given,
        coalesce(list_filter(string_split({_NAME.format("given_alts")}, ' '), lambda x: x <> ''), []) as more_given,
        {_NAME.format("family")} as family,
        nullif(regexp_replace(lower(suffix), '[^a-z0-9]', '', 'g'), '') as suffix,
        nullif(trim(birth_date), '') as birth,
        nullif(left(lower(sex), 1), 'u') as sex,
        phone_number.e164 as phone,
        nullif(lower(trim(email)), '') as email,
        nullif(trim(regexp_replace(lower(address), '[^a-z0-9]+', ' ', 'g')), '') as address,
        nullif(lower(trim(zip)), '') as zip,
        nullif(trim(ssn4), '') as ssn4,
        {_CODE.format("member_id")} as member_id,
        {_CODE.format("subscriber_id")} as subscriber_id,
        {_CODE.format("dependent_code")} as dependent_code{extra}
    from source_identity
    left join phone_number on phone_number.raw = source_identity.phone
    """


def _standardise(extra: str) -> str:
    return f"""
create or replace temp table standard as
-- a member id without a stated subscriber may be whole or only the subscriber's: known whole ids tell
with whole as (
    select distinct subscriber_id || dependent_code as id, subscriber_id, dependent_code
    from cleaned where subscriber_id is not null and dependent_code is not null
),

members as (
    select
        cleaned.*,
        coalesce(cleaned.subscriber_id, whole.subscriber_id, cleaned.member_id) as subscriber,
        coalesce(cleaned.dependent_code, whole.dependent_code) as dependent
    from cleaned
    left join whole on cleaned.subscriber_id is null and cleaned.member_id = whole.id
)

select
    source_system,
    source_record_id,
    valid_from,
    links_to,
    mrn_key,
    given,
    given_name.keys as given_keys,
    list_sort(list_distinct(list_filter(
        list_concat(string_split(given_words, ' ')[2:], more_given),
        lambda x: length(x) > 1
    ))) as given_alts,
    family,
    suffix,
    birth,
    try_cast(birth[1:4] as integer) as birth_year,
    sex,
    phone,
    email,
    split_part(email, '@', 1) as email_user,
    address,
    zip,
    ssn4,
    subscriber || dependent as member,
    subscriber,
    dependent{extra}
from members
left join given_name on given_name.name = members.given
"""


def _drop_shared_values(con: duckdb.DuckDBPyConnection, rules: Rules) -> None:
    """Set values to null that more different given names share than one household has."""
    for column, names in rules.shared_values.items():
        con.execute(
            f"update standard set {column} = null where {column} in (select {column} from standard "
            f"where {column} is not null group by 1 having count(distinct given) > {names})"
        )


def _collapse(con: duckdb.DuckDBPyConnection, rules: Rules, apart: str) -> None:
    """Number the distinct contents. Most identities of a call centre or a biller repeat one content many times.

    Identities that do not say enough to be told from others, and those that stewards named, stay apart.
    """
    content = ", ".join(rules.columns)
    con.execute(
        f"""
        create or replace temp table content as
        select *, hash(
            {content}, case when {_TELLING} and not ({apart}) then '' else source_system || '|' || source_record_id end
        ) as content_hash
        from standard
        """
    )
    con.execute(
        f"""
        create or replace temp table record as
        with distinct_content as (
            select
                {", ".join(f"any_value({column}) as {column}" for column in rules.columns)},
                content_hash, count(*) as identities, bool_or(source_system = 'ehr') as is_ehr,
                min((source_system <> 'ehr', source_system, source_record_id)) as first_key
            from content group by content_hash
        )
        select
            (row_number() over (order by first_key) - 1)::integer as rid, {content}, identities, is_ehr,
            {rules.evident} as is_evident, content_hash,
            first_key[2] as source_system, first_key[3] as source_record_id
        from distinct_content order by rid
        """
    )
    con.execute(
        """
        create or replace temp table identity as
        select content.source_system, content.source_record_id, content.valid_from, content.links_to, record.rid
        from content inner join record on content.content_hash = record.content_hash
        """
    )
    con.execute("drop table content; drop table cleaned; drop table standard; drop table source_identity")


# Equal contents of this kind are one person: somebody (name or birth date) at some address, or an identifier.
_TELLING = """(
    mrn_key is not null
    or (coalesce(given, birth) is not null and coalesce(phone, email, member, ssn4) is not null)
    or (given is not null and family is not null and birth is not null)
)"""
