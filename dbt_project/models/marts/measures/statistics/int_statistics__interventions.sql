{{ config(meta={'exchange_order': 'kind, intervention, phase, department_id'}) }}

-- What was tried in which departments and when: staff trainings as delivered, pilots as declared (seed `pilots`). One
-- row per intervention, phase and department. A training works from the day after its last day on; the days of the
-- training itself are neither before nor after.
with trainings as (
    select
        training.training_name as intervention,
        training.department_id,
        min(training.started_on) as started_on,
        min({{ add_days('coalesce(training.completed_on, training.started_on)', 1) }}) as effective_on
    from {{ ref('stg_staff__trainings') }} as training
    where training.training_name is not null and training.started_on is not null
    group by training.training_name, training.department_id
)

select
    'training' as kind,
    trainings.intervention,
    'training' as phase,
    trainings.department_id,
    trainings.started_on,
    trainings.effective_on,
    cast(null as date) as since_on,
    cast(null as date) as until_on
from trainings

union all

-- A pilot is compared until the first department is rolled out to: from then on the others are no longer untouched.
select
    'pilot' as kind,
    pilots.pilot_id as intervention,
    pilots.phase,
    pilots.department_id,
    pilots.starts_on as started_on,
    pilots.starts_on as effective_on,
    min(case when others.phase = 'baseline' then others.starts_on end) as since_on,
    case
        when pilots.phase = 'pilot' then min(case when others.phase = 'rollout' then others.starts_on end)
    end as until_on
from {{ ref('pilots') }} as pilots
inner join {{ ref('pilots') }} as others on pilots.pilot_id = others.pilot_id
where pilots.phase <> 'baseline'
group by pilots.pilot_id, pilots.phase, pilots.department_id, pilots.starts_on
