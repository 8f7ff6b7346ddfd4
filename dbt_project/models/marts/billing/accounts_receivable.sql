-- Days in accounts receivable and the ageing of open amounts on the night's date, at the declared grouping sets.
{{ measure_rows('accounts_receivable', ref('int_measures__receivable_facts'), own=['payer']) }}
