{{ config(materialized='view') }}
-- References of staged records to records that nobody delivered, or that were deleted: findings, never rejects, because
-- what a reference names may come tomorrow. Same columns as a reject; asked for by stg_lake__rejects.
{%- set patients = {'column': 'patient_id', 'target': 'Patient'} %}
{%- set encounters = {'column': 'encounter_id', 'target': 'Encounter', 'element': 'encounter'} %}
{%- set referral = {'target': 'ServiceRequest', 'element': 'basedOn'} %}
{%- set references = {
    'appointment': [
        dict(patients, element='participant.actor'), dict(referral, column='referral_id'),
        {'column': 'slot_id', 'target': 'Slot', 'element': 'slot'},
        {'column': 'location_id', 'target': 'Location', 'element': 'participant.actor'},
    ],
    'communication': [dict(patients, element='subject'), encounters, dict(referral, column='service_request_id')],
    'condition': [dict(patients, element='subject'), encounters],
    'consent': [dict(patients, element='patient')],
    'coverage': [dict(patients, element='beneficiary')],
    'diagnostic_report': [dict(patients, element='subject'), encounters, dict(referral, column='service_request_id')],
    'encounter': [
        dict(patients, element='subject'), dict(referral, column='referral_id'),
        {'column': 'appointment_id', 'target': 'Appointment', 'element': 'appointment'},
        {'column': 'department_id', 'target': 'Organization', 'element': 'serviceProvider'},
    ],
    'immunization': [dict(patients, element='patient'), encounters],
    'location': [{'column': 'organization_id', 'target': 'Organization', 'element': 'managingOrganization'}],
    'medication_dispense': [
        dict(patients, element='subject'),
        {'column': 'medication_request_id', 'target': 'MedicationRequest', 'element': 'authorizingPrescription'},
    ],
    'medication_request': [dict(patients, element='subject'), encounters],
    'observation': [dict(patients, element='subject'), encounters],
    'procedure': [dict(patients, element='subject'), encounters],
    'service_request': [dict(patients, element='subject'), encounters],
    'slot': [{'column': 'schedule_id', 'target': 'Schedule', 'element': 'schedule'}],
} %}

{%- set parts = [] %}
{%- for table, columns in references.items() %}
    {%- for column in columns %}
        {%- do parts.append((table, table | replace('_', ' ') | title | replace(' ', ''), column)) %}
    {%- endfor %}
{%- endfor %}

with stated as (
    {%- for table, resource, part in parts %}
        select
            file_id,
            line,
            '{{ table }}' as table_name,
            '{{ resource }}.{{ part.element }}' as element,
            id_space || '/{{ part.target }}/' || {{ part.column }} as target_id
        from {{ source('ehr', table) }}
        where {{ part.column }} is not null
        {% if not loop.last %}union all{% endif %}
    {%- endfor %}
)

select
    stated.file_id,
    stated.line,
    stated.table_name,
    'reference_dangling' as rule,
    stated.element,
    'warn' as severity,
    cast(null as varchar) as detail
from stated
inner join {{ ref('stg_lake__staged') }} as own on stated.file_id = own.file_id and stated.line = own.line
anti join {{ ref('stg_lake__staged') }} as targets on stated.target_id = targets.record_id
