-- Median and 90th percentile of every kind of wait at the declared grouping sets.
{{ quantile_rows('wait_times', ref('int_measures__wait_facts'), keep=['wait_type', 'unit'], own=['location_id']) }}
