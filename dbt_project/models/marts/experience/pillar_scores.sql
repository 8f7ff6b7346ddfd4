-- The six pillars of experience, 0-100, where a survey asks about them.
{{ measure_rows('pillar_scores', ref('int_measures__item_facts'), keep=['instrument_version']) }}
