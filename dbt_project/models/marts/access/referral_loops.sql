-- Referrals closed by the consultant's report, by year at the declared grouping sets.
{{ measure_rows('referral_loops', ref('int_measures__referral_facts')) }}
