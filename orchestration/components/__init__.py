"""Dagster components: YAML declarations become assets.

Belongs here: what turns a declaration into Dagster definitions, and the resource that every asset shares.
Does not belong: reading files (``pull``), schedules and checks (``defs``).
"""
