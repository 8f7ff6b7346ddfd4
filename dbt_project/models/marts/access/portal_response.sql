-- Time to the first human reply to a patient's message, open messages censored, at the declared grouping sets.
{{ survival_rows('portal_response', ref('int_measures__message_facts')) }}
