-- Share of sampled calendars whose third next available appointment lies within the target.
{{ measure_rows('access_tnaa_target', ref('int_measures__tnaa_facts'), own=['location_id']) }}
