-- Share of persons whose screening is up to date on the night, at the declared grouping sets.
{{ measure_rows('screening_rates', ref('int_measures__screening_facts')) }}
