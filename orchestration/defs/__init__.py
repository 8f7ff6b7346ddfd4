"""Dagster definitions, found by folder. No logic: it lives in the rooms that the definitions call."""
