-- Days to the third next available appointment, sampled on Mondays, at the declared grouping sets.
{{ quantile_rows('access_tnaa', ref('int_measures__tnaa_facts'), keep=['unit'], own=['location_id']) }}
