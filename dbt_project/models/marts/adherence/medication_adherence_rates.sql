-- Share of adherent persons and mean PDC, by year at the declared grouping sets.
{{ measure_rows('medication_adherence_rates', ref('int_measures__adherence_facts'), keep=['drug_class']) }}
