{#- The journey rules' numbers and the touchpoint's columns.

    Belongs here: what several journey models must agree on. Does not belong: a rule itself (it stands in its model) or
    what only one engine can say (dialect/journey.sql). -#}

{#- One documented place for every number of a rule; a change of any is a new `rule_version`. -#}
{% macro journey_rule(name) -%}
{%- set rules = {
    'rule_version': "'1.0'",

    'same_event_hours': 24,
    'visit_tail_days': 7,
    'stay_gap_hours': 24,
    'phone_gap_days': 7,
    'idle_join_hours': 72,

    'booking_after_call_hours': 72,
    'service_line_gap_days': 90,

    'resolved_after_days': 90,
    'gap_after_days': 180,
    'new_patient_years': 3,
    'chronic_visits': 3,

    'emergency_classes': "('EMER')",
    'inpatient_classes': "('IMP', 'ACUTE', 'NONAC', 'OBSENC')",
    'planning_activities': "('requested_appointment', 'booked_appointment', 'rescheduled_appointment',"
        ~ " 'cancelled_appointment', 'missed_appointment', 'attended_appointment', 'reminded_appointment')",
} -%}
{%- if name not in rules -%}
    {{ exceptions.raise_compiler_error("unknown journey rule: " ~ name) }}
{%- endif -%}
{{ return(rules[name]) }}
{%- endmacro %}

{#- Every column of a source's stg_<source>__touchpoints and its type; a source may leave out the optional ones. -#}
{% macro touchpoint_columns() -%}
{{ return({
    'source_system': 'varchar', 'source_table': 'varchar', 'source_record_id': 'varchar', 'identity_id': 'varchar',
    'anonymous_id': 'varchar', 'ts': 'timestamp', 'ts_end': 'timestamp', 'ts_precision': 'varchar',
    'event_seq': 'integer', 'activity': 'varchar', 'lifecycle': 'varchar', 'touchpoint_type': 'varchar',
    'stage': 'varchar', 'channel': 'varchar', 'direction': 'varchar', 'initiator': 'varchar',
    'department_id': 'varchar', 'location_id': 'varchar', 'provider_id': 'varchar', 'service_line': 'varchar',
    'sub_sector': 'varchar', 'encounter_id': 'varchar', 'appointment_id': 'varchar', 'call_id': 'varchar',
    'thread_id': 'varchar', 'claim_id': 'varchar', 'survey_id': 'varchar', 'referral_id': 'varchar',
    'prescription_id': 'varchar', 'planned_ts': 'timestamp', 'wait_seconds': 'bigint', 'wait_type': 'varchar',
    'duration_seconds': 'bigint', 'outcome': 'varchar', 'is_failed': 'boolean', 'revenue_impact': 'decimal(18, 2)',
    'features': 'varchar', 'recorded_at': 'timestamp', 'ingested_at': 'timestamp', 'batch_id': 'varchar',
}) }}
{%- endmacro %}

{#- All sources' touchpoints under one set of typed columns; a column that a source lacks is null.
    `identity_source` is the source's name (a source may have several feeds, each its own `source_system`). -#}
{% macro union_touchpoints() -%}
{%- set relations = {} -%}
{%- for source_name in var('touchpoint_sources') -%}
    {%- do relations.update({source_name: ref('stg_' ~ source_name ~ '__touchpoints')}) -%}
{%- endfor -%}
{{ union_by_name(relations, 'identity_source', touchpoint_columns()) }}
{%- endmacro %}

{#- Whose event it is, as one integer key: the person, or (negative) the unknown someone of `anonymous_id`. -#}
{% macro subject_id(alias) -%}
coalesce({{ alias }}.person_id, -{{ stable_key([alias ~ '.anonymous_id']) }})
{%- endmacro %}

{#- The one order of events. Ties are broken without regard to the order of delivery. -#}
{% macro event_order(alias) -%}
{{ alias }}.ts, {{ alias }}.event_seq, {{ alias }}.activity_id
{%- endmacro %}

{#- The first known value of a group in the order of `position`. Engines differ in what min_by does with null values,
    hence the case. -#}
{% macro first_known(value, position) -%}
min_by({{ value }}, case when {{ value }} is not null then {{ position }} end)
{%- endmacro %}

{#- Links between an episode and the things that its touchpoints name: kind -> column of touchpoints. -#}
{% macro journey_objects() -%}
{{ return({
    'appointment': 'appointment_id', 'bill': 'claim_id', 'call': 'call_id', 'encounter': 'encounter_id',
    'prescription': 'prescription_id', 'referral': 'referral_id', 'thread': 'thread_id',
}) }}
{%- endmacro %}

{#- Minutes from `start` to `stop`; null when either is unknown or time would run backwards. -#}
{% macro minutes_forward(start, stop) -%}
case when {{ stop }} >= {{ start }} then {{ seconds_between(start, stop) }} / cast(60 as double) end
{%- endmacro %}

{#- The number by which int_journey__edges knows an activity: CTE `activities` (activity, activity_number). -#}
{% macro activity_numbers() -%}
{{ numbered_values('activities', 'activity', 'activity_number', ref('int_journey__steps')) }}
{%- endmacro %}
