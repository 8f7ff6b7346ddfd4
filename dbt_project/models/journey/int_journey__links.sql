-- Links between runs of one subject. Grain: one row per direction of a link.
-- By id: episodes whose touchpoints name the same thing (a referral and its appointment, an encounter and its claim, an
-- encounter, its prescription and the fills). By time: a call and the appointment booked at most
-- booking_after_call_hours after it.

with members as (
    select
        runs.run_id,
        runs.subject_id,
        members.episode_type,
        touchpoints.ts,
        touchpoints.activity,
    {%- for column in journey_objects().values() %}
        touchpoints.{{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
    from {{ ref('int_journey__members') }} as members
    inner join {{ ref('int_journey__runs') }} as runs on members.episode_id = runs.episode_id
    inner join {{ ref('touchpoints') }} as touchpoints on members.activity_id = touchpoints.activity_id
),

things as (
    {%- for kind, column in journey_objects().items() %}
        select distinct
            subject_id,
            run_id,
            '{{ kind }}' as kind,
            {{ column }} as thing_id
        from members
        where {{ column }} is not null
        {{ 'union all' if not loop.last }}
    {%- endfor %}
),

-- A thing named in n runs needs n - 1 links to its first run, not n squared.
by_id as (
    select
        run_id,
        min(run_id) over (partition by subject_id, kind, thing_id) as neighbour
    from things
),

by_call as (
    select
        calls.run_id,
        bookings.run_id as neighbour
    from members as calls
    inner join members as bookings
        on
            calls.subject_id = bookings.subject_id
            and calls.ts < bookings.ts
            and bookings.ts <= calls.ts + interval {{ journey_rule('booking_after_call_hours') }} hours
    where calls.episode_type = 'phone_issue' and bookings.activity = 'booked_appointment'
),

links as (
    select
        run_id,
        neighbour
    from by_id
    union
    select
        run_id,
        neighbour
    from by_call
)

select
    run_id as node,
    neighbour
from links
where run_id <> neighbour
union
select
    neighbour as node,
    run_id as neighbour
from links
where run_id <> neighbour
