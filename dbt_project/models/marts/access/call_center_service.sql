-- Abandonment, service level, speed of answer, handle time and first-contact resolution at the declared grouping sets.
{{ measure_rows('call_center_service', ref('int_measures__call_facts')) }}
