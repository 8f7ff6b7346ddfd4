-- What a person went through in a calendar quarter: contacts, effort, waits and scores. One row per person and quarter
-- with a touchpoint.
with touched as (
    select
        touchpoint.person_id,
        touchpoint.department_id,
        touchpoint.activity,
        touchpoint.channel,
        touchpoint.is_failed,
        touchpoint.ts,
        touchpoint.event_seq,
        touchpoint.activity_id,
        cast(date_trunc('quarter', {{ local_time('touchpoint.ts') }}) as date) as quarter_start
    from {{ ref('touchpoints') }} as touchpoint
    where touchpoint.person_id is not null
),

effort as (
    select
        touched.person_id,
        touched.quarter_start,
        count(*) as n_touchpoints,
        sum(case when touched.is_failed then 1 else 0 end) as n_failed,
        sum(case when touched.activity = 'transferred_call' then 1 else 0 end) as n_transfers,
        sum(case when touched.activity = 'called' then 1 else 0 end) as n_calls
    from touched
    group by touched.person_id, touched.quarter_start
),

-- Fills of medication are no effort to reach somebody, and they are what adherence is made of: who fills often would
-- seem to switch often.
switches as (
    select
        contacts.person_id,
        contacts.quarter_start,
        count(*) as n_channel_switches
    from (
        select
            touched.person_id,
            touched.quarter_start,
            touched.channel,
            lag(touched.channel) over (
                partition by touched.person_id, touched.quarter_start
                order by touched.ts, touched.event_seq, touched.activity_id
            ) as channel_before
        from touched
        where touched.channel is not null and touched.activity <> 'filled_medication'
    ) as contacts
    where contacts.channel <> contacts.channel_before
    group by contacts.person_id, contacts.quarter_start
),

-- Where somebody was a patient is told by what they came for; reminders, messages and calls are many and come from
-- everywhere.
appointments as (
    select
        waits.person_id,
        waits.department_id,
        cast(date_trunc('quarter', waits.counted_on) as date) as quarter_start,
        count(*) as n_appointments,
        min(waits.counted_on) as first_on
    from {{ ref('int_measures__waits') }} as waits
    where
        waits.wait_type = 'request_to_visit'
        and waits.person_id is not null
        and waits.department_id is not null
        and not waits.is_quarantined
    group by waits.person_id, waits.department_id, cast(date_trunc('quarter', waits.counted_on) as date)
),

departments as (
    select
        counted.person_id,
        counted.quarter_start,
        counted.department_id,
        row_number() over (
            partition by counted.person_id, counted.quarter_start
            order by
                coalesce(appointments.n_appointments, 0) desc,
                appointments.first_on asc,
                counted.n_touchpoints desc,
                counted.department_id asc
        ) as place
    from (
        select
            touched.person_id,
            touched.quarter_start,
            touched.department_id,
            count(*) as n_touchpoints
        from touched
        where touched.department_id is not null
        group by touched.person_id, touched.quarter_start, touched.department_id
    ) as counted
    left join appointments
        on
            counted.person_id = appointments.person_id
            and counted.quarter_start = appointments.quarter_start
            and counted.department_id = appointments.department_id
),

waits as (
    select
        waits.person_id,
        cast(date_trunc('quarter', waits.counted_on) as date) as quarter_start,
        {{ exact_mean("case when waits.wait_type = 'request_to_visit' then waits.waited end") }} as mean_lead_days,
        max(case when waits.wait_type = 'request_to_visit' then waits.waited end) as longest_lead_days,
        {{ exact_mean("case when waits.wait_type = 'lobby' then waits.waited end") }} as mean_lobby_minutes,
        {{ exact_mean("case when waits.wait_type = 'exam' then waits.waited end") }} as mean_exam_minutes,
        {{ exact_mean("case when waits.wait_type = 'queue' then waits.waited end") }} as mean_queue_seconds
    from {{ ref('int_measures__waits') }} as waits
    where waits.person_id is not null and not waits.is_quarantined
    group by waits.person_id, cast(date_trunc('quarter', waits.counted_on) as date)
),

scores as (
    select
        responses.person_id,
        cast(date_trunc('quarter', responses.responded_on) as date) as quarter_start,
        count(distinct responses.response_id) as n_responses,
        avg(case when responses.metric = 'nps' then responses.score end) as mean_nps_score,
        avg(case when responses.metric = 'csat' then responses.score end) as mean_csat_score,
        avg(case when responses.metric = 'ces' then responses.score end) as mean_ces_score,
        max(case when responses.is_negative then 1 else 0 end) as has_negative_response
    from {{ ref('experience_responses') }} as responses
    where
        responses.person_id is not null
        and responses.is_finished
        and responses.score_class not in ('missing', 'invalid')
    group by responses.person_id, cast(date_trunc('quarter', responses.responded_on) as date)
)

select
    effort.person_id,
    effort.quarter_start,
    departments.department_id,
    effort.n_touchpoints,
    effort.n_failed,
    effort.n_transfers,
    effort.n_calls,
    coalesce(switches.n_channel_switches, 0) as n_channel_switches,
    waits.mean_lead_days,
    waits.longest_lead_days,
    waits.mean_lobby_minutes,
    waits.mean_exam_minutes,
    waits.mean_queue_seconds,
    coalesce(scores.n_responses, 0) as n_responses,
    scores.mean_nps_score,
    scores.mean_csat_score,
    scores.mean_ces_score,
    scores.has_negative_response
from effort
left join switches on effort.person_id = switches.person_id and effort.quarter_start = switches.quarter_start
left join departments
    on
        effort.person_id = departments.person_id
        and effort.quarter_start = departments.quarter_start
        and departments.place = 1
left join waits on effort.person_id = waits.person_id and effort.quarter_start = waits.quarter_start
left join scores on effort.person_id = scores.person_id and effort.quarter_start = scores.quarter_start
