"""Arrow schemas of the tables that every source writes beside its own.

Belongs here: the columns of `records`, `rejects`, `files` and `identities`. Does not belong: a source's own tables.
All timestamps are UTC without zone; ``file_id`` and ``line`` name a delivered record everywhere.
"""

from __future__ import annotations

import pyarrow as pa

UTC_TIMESTAMP = pa.timestamp("us")

#: Every raw table starts with these: the file, and which record of it (1-based line, or ordinal where there are none).
LOCATOR: list[pa.Field] = [pa.field("file_id", pa.string()), pa.field("line", pa.int64())]

#: One row per delivered record, whatever became of it.
RECORDS = pa.schema(
    [
        *LOCATOR,
        pa.field("feed", pa.string()),
        pa.field("table_name", pa.string()),
        pa.field("record_id", pa.string()),  # null only where it could not be read
        pa.field("record_hash", pa.string()),  # equal content = equal hash
        pa.field("version_at", UTC_TIMESTAMP),  # the record's own version time, null if it has none
        pa.field("op", pa.string()),  # upsert | delete
        pa.field("parse_state", pa.string()),  # parsed | rejected | not_modelled
    ]
)

#: One row per finding. Never a value: the reader of a reject may not be allowed to see the record.
REJECTS = pa.schema(
    [
        *LOCATOR,
        pa.field("table_name", pa.string()),
        pa.field("rule", pa.string()),
        pa.field("element", pa.string()),
        pa.field("severity", pa.string()),  # reject | warn
        pa.field("detail", pa.string()),
    ]
)

#: One row per file, written last: a file without it does not exist for staging.
FILES = pa.schema(
    [
        pa.field("file_id", pa.string()),
        pa.field("source", pa.string()),
        pa.field("feed", pa.string()),
        pa.field("file_name", pa.string()),
        pa.field("sha256", pa.string()),
        pa.field("bytes", pa.int64()),
        pa.field("records_delivered", pa.int64()),  # counted without the parser
        pa.field("delivered_at", UTC_TIMESTAMP),  # the delivery's own time (manifest transactionTime), null if unstated
        pa.field("observed_at", UTC_TIMESTAMP),  # newest version time in the file, stands in where delivered_at is null
        pa.field("signature", pa.string()),
        pa.field("ingested_at", UTC_TIMESTAMP),
        pa.field("batch_id", pa.string()),
    ]
)

IDENTITY_COLUMNS: dict[str, pa.DataType] = {
    "identity_id": pa.string(),
    "mrn_system": pa.string(),
    "mrn": pa.string(),
    "mrn_verified": pa.bool_(),
    "given": pa.string(),
    "given_alts": pa.string(),
    "family": pa.string(),
    "suffix": pa.string(),
    "birth_date": pa.string(),
    "sex": pa.string(),
    "phone": pa.string(),
    "email": pa.string(),
    "address": pa.string(),
    "zip": pa.string(),
    "ssn4": pa.string(),
    "member_system": pa.string(),
    "member_id": pa.string(),
    "subscriber_id": pa.string(),
    "dependent_code": pa.string(),
    "guarantor_id": pa.string(),
    "valid_from": UTC_TIMESTAMP,
    "links_to": pa.string(),
}

#: Who a record says it is about; one row per statement (spec IDENTITY.md, design part 1).
IDENTITIES = pa.schema([*LOCATOR, *(pa.field(name, kind) for name, kind in IDENTITY_COLUMNS.items())])

STANDARD_TABLES: dict[str, pa.Schema] = {
    "records": RECORDS,
    "rejects": REJECTS,
    "files": FILES,
    "identities": IDENTITIES,
}
