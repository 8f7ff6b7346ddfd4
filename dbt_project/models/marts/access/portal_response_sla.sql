-- Messages replied to within two business days at the declared grouping sets.
{{ measure_rows('portal_response_sla', ref('int_measures__message_sla_facts')) }}
