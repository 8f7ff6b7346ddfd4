-- Visits within 7 and 30 days of a discharge at the declared grouping sets.
{{ measure_rows('follow_up', ref('int_measures__follow_up_facts'), own=['location_id']) }}
