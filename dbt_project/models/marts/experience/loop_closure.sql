-- Outreach within 24 and 48 hours of a negative response, and conversion, at the declared grouping sets.
{{ measure_rows('loop_closure', ref('int_measures__loop_facts')) }}
