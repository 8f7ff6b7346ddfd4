"""Telephone numbers in one form (E.164), so that equal numbers are equal text.

Belongs here: normalisation of distinct values. Does not belong: which numbers are placeholders (dbt seed) or shared.
"""

from __future__ import annotations

import duckdb
import phonenumbers
import pyarrow as pa

_EXTENSION = r"(?i)\s*(x|ext\.?)\s*\d+$"


def to_e164(text: str, region: str) -> str | None:
    """Return the number as E.164, or None where it cannot be one."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    number.extension = None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def register_phones(con: duckdb.DuckDBPyConnection, table: str, region: str) -> None:
    """Create the table ``phone_number`` (raw, e164) over the distinct values of ``table.phone``.

    Ten plain digits are the bulk of American data and need no parser; everything else goes through phonenumbers.
    """
    con.execute(
        f"""
        create or replace temp table phone_number as
        select phone as raw, case
            when '{region}' = 'US' and regexp_full_match(digits, '1?\\d{{10}}') and phone not like '+%'
                then '+1' || right(digits, 10)
            when '{region}' = 'US' and regexp_full_match(digits, '1\\d{{10}}') then '+' || digits
        end as e164
        from (
            select distinct phone, regexp_replace(regexp_replace(phone, '{_EXTENSION}', ''), '\\D', '', 'g') as digits
            from {table} where phone is not null
        )
        """
    )
    rest = [row[0] for row in con.execute("select raw from phone_number where e164 is null").fetchall()]
    if rest:
        con.register("parsed_phone", pa.table({"raw": rest, "e164": [to_e164(raw, region) for raw in rest]}))
        con.execute("update phone_number set e164 = p.e164 from parsed_phone p where p.raw = phone_number.raw")
        con.unregister("parsed_phone")
