"""Pull: protocol clients and file readers, one module per kind of source. No Dagster.

Belongs here: what a delivered file looks like and how its records become raw tables.
Does not belong: where files lie (``lake``), what records mean for journeys (dbt).
"""
