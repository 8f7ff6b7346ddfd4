"""The fields of one source identity: as handed over by dbt, and as matching reads them.

Belongs here: names and SQL types. Does not belong: how one becomes the other (``records``).
"""

from __future__ import annotations

#: Columns of `identity_records` (dbt) that matching reads; others are ignored, missing ones count as null.
RECORD_COLUMNS: dict[str, str] = {
    "source_system": "varchar",
    "source_record_id": "varchar",
    "mrn_system": "varchar",
    "mrn": "varchar",
    "mrn_verified": "boolean",
    "given": "varchar",
    "given_alts": "varchar",
    "family": "varchar",
    "suffix": "varchar",
    "birth_date": "varchar",
    "sex": "varchar",
    "phone": "varchar",
    "email": "varchar",
    "address": "varchar",
    "zip": "varchar",
    "ssn4": "varchar",
    "member_id": "varchar",
    "subscriber_id": "varchar",
    "dependent_code": "varchar",
    "valid_from": "timestamp",
    "links_to": "varchar",
}

#: Columns of a standardised record: what rules, vetoes and comparisons may speak of.
MATCH_COLUMNS: dict[str, str] = {
    "mrn_key": "varchar",
    "given": "varchar",
    "given_keys": "varchar[]",
    "given_alts": "varchar[]",
    "family": "varchar",
    "suffix": "varchar",
    "birth": "varchar",
    "birth_year": "integer",
    "sex": "varchar",
    "phone": "varchar",
    "email": "varchar",
    "email_user": "varchar",
    "address": "varchar",
    "zip": "varchar",
    "ssn4": "varchar",
    "member": "varchar",
    "subscriber": "varchar",
    "dependent": "varchar",
}

#: Further keys that pairs may be blocked on, as SQL over a standardised record.
BLOCKING_COLUMNS: dict[str, str] = {
    "given_initial": "given[1]",
    "given_start": "given[1:3]",
    "family_start": "family[1:3]",
    "name_key": "given_keys[1]",
    "names_sorted": "least(given, family) || ' ' || greatest(given, family)",
}
