-- Persons seen again in the following year, and those lost, at the declared grouping sets.
{{ measure_rows('retention', ref('int_measures__retention_facts')) }}
