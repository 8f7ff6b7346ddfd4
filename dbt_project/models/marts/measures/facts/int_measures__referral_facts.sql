-- Referrals as facts of referral_loops. CMS50: a person's first referral of the year, ordered by 31 October, closed
-- when the consultant's report is received after the order and by the year's end; the person had a visit in the year.
with referrals as (
    select
        patients.person_id,
        request.service_request_id as referral_id,
        encounter.department_id,
        request.requester_id as provider_id,
        request.authored_at,
        cast({{ local_time('request.authored_at') }} as date) as ordered_on
    from {{ ref('stg_ehr__service_requests') }} as request
    inner join {{ ref('int_measures__patients') }} as patients on request.patient_id = patients.patient_id
    left join {{ ref('stg_ehr__encounters') }} as encounter on request.encounter_id = encounter.encounter_id
    where
        request.intent = 'order'
        and request.status in ('active', 'completed')
        and (request.code in (
            select codes.code from {{ ref('measure_codes') }} as codes
            where codes.value_set = 'referral'
        )
        or request.category_code in (
            select codes.code from {{ ref('measure_codes') }} as codes
            where codes.value_set = 'referral'
        ))
),

reports as (
    select
        task.service_request_id as referral_id,
        coalesce(task.ended_at, task.modified_at) as received_at
    from {{ ref('stg_ehr__tasks') }} as task
    inner join {{ ref('measure_codes') }} as codes on task.code = codes.code and codes.value_set = 'consult_report'
    where task.status = 'completed'

    union all

    select
        message.service_request_id as referral_id,
        coalesce(message.received_at, message.sent_at) as received_at
    from {{ ref('stg_ehr__communications') }} as message
    inner join {{ ref('measure_codes') }} as codes
        on message.category_code = codes.code and codes.value_set = 'consult_report'
    where message.status = 'completed'
),

closed as (
    select
        referrals.referral_id,
        min(reports.received_at) as received_at
    from referrals
    inner join reports
        on referrals.referral_id = reports.referral_id and referrals.authored_at < reports.received_at
    group by referrals.referral_id
),

ranked as (
    select
        referrals.*,
        cast({{ local_time('closed.received_at') }} as date) as received_on,
        {{ period_end("cast(date_trunc('year', referrals.ordered_on) as date)", "'year'") }} as year_end,
        row_number() over (
            partition by referrals.person_id, date_trunc('year', referrals.ordered_on)
            order by referrals.authored_at, referrals.referral_id
        ) as place
    from referrals
    left join closed on referrals.referral_id = closed.referral_id
),

-- Visits and procedures, each with its first and last moment.
care as (
    select
        visits.person_id,
        visits.started_at,
        coalesce(visits.ended_at, visits.started_at) as ended_at
    from {{ ref('int_measures__visits') }} as visits
    inner join {{ ref('stg_ehr__encounters') }} as encounter on visits.encounter_id = encounter.encounter_id
    where
        visits.status = 'finished'
        and visits.class_code in ('AMB', 'VR')
        and coalesce(encounter.type_code, '') not in (
            select codes.code from {{ ref('measure_codes') }} as codes
            where codes.value_set = 'emergency_visit'
        )

    union all

    select
        patients.person_id,
        done.performed_start_at as started_at,
        coalesce(done.performed_end_at, done.performed_start_at) as ended_at
    from {{ ref('stg_ehr__procedures') }} as done
    inner join {{ ref('int_measures__patients') }} as patients on done.patient_id = patients.patient_id
    where done.status = 'completed'
),

-- Only what lies in one year as a whole makes a person part of that year.
seen as (
    select distinct
        care.person_id,
        date_trunc('year', {{ local_time('care.started_at') }}) as year_start
    from care
    where
        date_trunc('year', {{ local_time('care.started_at') }}) = date_trunc('year', {{ local_time('care.ended_at') }})
),

judged as (
    select
        ranked.*,
        ranked.place = 1
        and ranked.ordered_on
        <= {{ add_days('ranked.year_end', '-' ~ measure_parameter('referral_days_before_year_end')) }}
        and seen.person_id is not null as is_counted
    from ranked
    left join seen
        on ranked.person_id = seen.person_id and date_trunc('year', ranked.ordered_on) = seen.year_start
)

select
    'REFERRAL-LOOP' as measure_id,
    judged.person_id,
    judged.ordered_on as counted_on,
    judged.department_id,
    judged.provider_id,
    cast(null as varchar) as channel,
    case when judged.is_counted then case when judged.received_on <= judged.year_end then 1.0 else 0.0 end end
        as numerator,
    case when judged.is_counted then 1.0 end as denominator,
    case when judged.is_counted or judged.ordered_on is null then 0 else 1 end as excluded_n,
    0 as missing_n
from judged
