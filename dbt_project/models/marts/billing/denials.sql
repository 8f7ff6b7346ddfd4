-- Denied bills, initially, finally and dollar-weighted, at the declared grouping sets; the payer is the bill's.
{{ measure_rows('denials', ref('int_measures__denial_facts'), own=['payer']) }}
