{%- set object_columns = {
    'person': 'person_id', 'visitor': 'anonymous_id', 'department': 'department_id', 'location': 'location_id',
    'provider': 'provider_id', 'survey': 'survey_id'
} %}
{%- do object_columns.update(journey_objects()) %}

{% for object_type, column in object_columns.items() -%}
    select
        activity_id,
        '{{ object_type }}' as object_type,
        '{{ object_type }}:' || {{ column }} as object_id,
        '{{ object_type }}' as qualifier
    from {{ ref('touchpoints') }}
    where {{ column }} is not null
    union all
{% endfor -%}
{% for object_type in ['episode', 'journey'] -%}
    select
        activity_id,
        '{{ object_type }}' as object_type,
        '{{ object_type }}:' || {{ object_type }}_id as object_id,
        'part of' as qualifier
    from {{ ref('journey_touchpoints') }}
    {{ 'union all' if not loop.last }}
{% endfor %}
