-- No-shows, late cancellations, missed opportunities and kept appointments at the declared grouping sets.
{{ measure_rows('appointment_adherence', ref('int_measures__appointment_facts'), own=['location_id']) }}
