-- How long persons stay on a drug class, by permissible gap, those still on it censored, at the declared grouping sets.
{{ survival_rows('persistence', ref('int_measures__persistence_facts'), keep=['drug_class']) }}
