-- Unplanned readmissions within 30 days at the declared grouping sets.
{{ measure_rows('readmissions', ref('int_measures__readmission_facts'), own=['location_id']) }}
