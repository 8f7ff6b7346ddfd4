-- One row per department: an organization that is typed as one, or that encounters, locations or schedules name.
with named as (
    select encounter.department_id from {{ ref('stg_ehr__encounters') }} as encounter
    union
    select schedule.department_id from {{ ref('stg_ehr__schedules') }} as schedule
    union
    select appointment.department_id from {{ ref('stg_ehr__appointments') }} as appointment
    union
    select organization.organization_id as department_id
    from {{ ref('stg_ehr__organizations') }} as organization
    where organization.type_code = 'dept'
),

matched as (
    select
        named.department_id,
        organization.name as department_name,
        organization.sub_sector,
        organization.part_of_id,
        lines.service_line,
        -- The first pattern of the seed that fits the department's name decides; else its sub-sector's own line.
        row_number() over (partition by named.department_id order by lines.priority asc) as choice
    from named
    left join {{ ref('stg_ehr__organizations') }} as organization on named.department_id = organization.organization_id
    left join {{ ref('service_lines') }} as lines
        on
            lower(organization.name) like lines.name_pattern
            or organization.sub_sector = lines.sub_sector
    where named.department_id is not null
)

select
    matched.department_id,
    matched.department_name,
    matched.part_of_id as facility_id,
    facility.name as facility_name,
    matched.sub_sector,
    matched.service_line
from matched
left join {{ ref('stg_ehr__organizations') }} as facility on matched.part_of_id = facility.organization_id
where matched.choice = 1
