-- CAHPS items: top-box share and linear mean per item and instrument version, at the declared grouping sets.
{{ measure_rows('cahps_scores', ref('int_measures__item_facts'), keep=['item_id', 'instrument_version']) }}
