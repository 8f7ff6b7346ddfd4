-- Emergency visits with any of the four findings of CMS1244, and each finding alone, at the declared grouping sets.
{{ measure_rows('emergency_access', ref('int_measures__emergency_facts'), own=['location_id']) }}
