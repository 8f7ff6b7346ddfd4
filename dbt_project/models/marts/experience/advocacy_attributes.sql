-- The eight attributes of advocacy, 0-100, where a survey asks about them.
{{ measure_rows('advocacy_attributes', ref('int_measures__item_facts'), keep=['instrument_version']) }}
