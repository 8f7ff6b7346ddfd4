{%- set about = {
    'appointment': 'appointment_id', 'bill': 'claim_id', 'call': 'call_id', 'encounter': 'encounter_id',
    'referral': 'referral_id', 'thread': 'thread_id',
} %}

select
    'journey:' || journey_id as source_object_id,
    'episode:' || episode_id as target_object_id,
    'has' as qualifier
from {{ ref('episodes') }}
union all
select
    'person:' || person_id as source_object_id,
    'journey:' || journey_id as target_object_id,
    'travels' as qualifier
from {{ ref('journeys') }}
where person_id is not null
{% for object_type, column in about.items() -%}
    union all
    select
        'episode:' || episode_id as source_object_id,
        '{{ object_type }}:' || {{ column }} as target_object_id,
        'about' as qualifier
    from {{ ref('episodes') }}
    where {{ column }} is not null
{% endfor %}
