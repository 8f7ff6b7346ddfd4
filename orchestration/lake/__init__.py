"""The lake: files exactly as delivered (landing), their records as Parquet (raw), and the account of both.

Belongs here: manifests, raw tables, rejects, the ledger of records, the lock on JOURNEYS_HOME.
Does not belong: what a record means (``pull`` parses, dbt models).
"""
