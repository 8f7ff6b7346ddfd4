-- Days from the first patient balance to none, open bills censored, at the declared grouping sets.
{{ survival_rows('bill_resolution', ref('int_measures__bill_facts'), own=['payer']) }}
