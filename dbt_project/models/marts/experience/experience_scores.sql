-- NPS, CSAT, CES and the response rate at the declared grouping sets, by month and by quarter.
{{ measure_rows('experience_scores', ref('int_measures__experience_facts')) }}
