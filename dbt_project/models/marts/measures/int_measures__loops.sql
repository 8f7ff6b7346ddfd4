-- One row per response with a negative answer: the first outreach to that person after it, and whether the person's
-- next response was no longer negative. Reminders, surveys and statements are no outreach.
with responses as (
    select
        responses.response_id,
        responses.person_id,
        responses.department_id,
        responses.channel,
        min(responses.responded_at) as responded_at,
        min(responses.responded_on) as responded_on,
        max(case when responses.is_negative then 1 else 0 end) as is_negative
    from {{ ref('experience_responses') }} as responses
    where
        responses.is_finished
        and responses.metric in ('nps', 'csat', 'ces')
        and responses.score_class not in ('missing', 'invalid')
    group by responses.response_id, responses.person_id, responses.department_id, responses.channel
),

ordered as (
    select
        responses.*,
        case
            when responses.person_id is not null
                then lead(responses.is_negative) over (
                    partition by responses.person_id order by responses.responded_at, responses.response_id
                )
        end as next_is_negative
    from responses
),

outreach as (
    select
        touchpoint.person_id,
        touchpoint.ts as reached_at
    from {{ ref('touchpoints') }} as touchpoint
    where
        touchpoint.activity in ('received_callback', 'replied_message', 'sent_message', 'called')
        and touchpoint.initiator = 'provider'
        and not touchpoint.is_failed
        and touchpoint.person_id is not null
),

reached as (
    select
        ordered.response_id,
        min(outreach.reached_at) as reached_at
    from ordered
    inner join outreach
        on ordered.person_id = outreach.person_id and ordered.responded_at < outreach.reached_at
    where ordered.is_negative = 1
    group by ordered.response_id
)

select
    ordered.response_id,
    ordered.person_id,
    ordered.department_id,
    ordered.channel,
    ordered.responded_at,
    ordered.responded_on,
    reached.reached_at,
    ordered.next_is_negative,
    {{ seconds_between('ordered.responded_at', 'reached.reached_at') }} / 3600.0 as hours_to_outreach,
    {{ seconds_between('ordered.responded_at', 'night.as_of') }} / 3600.0 as hours_observed
from ordered
left join reached on ordered.response_id = reached.response_id
cross join {{ ref('night') }} as night
where ordered.is_negative = 1
