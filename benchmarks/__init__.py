"""Measurements; each writes a table to benchmarks/results/."""
