-- One row per survey invitation: whom it was sent to and whether a finished response came back.
with answered as (
    select
        response.invitation_id,
        max(case when response.is_finished then 1 else 0 end) as is_complete
    from {{ ref('stg_surveys__responses') }} as response
    where response.invitation_id is not null
    group by response.invitation_id
)

select
    invitation.invitation_id,
    invitation.survey_id,
    -- Those who never answer are known by the invitation, or through the visit or call that they were asked about.
    coalesce(crosswalk.person_id, visits.person_id, calls.person_id) as person_id,
    invitation.department_id,
    invitation.channel,
    cast({{ local_time('invitation.sent_at') }} as date) as sent_on,
    invitation.status,
    coalesce(answered.is_complete, 0) as is_complete
from {{ ref('stg_surveys__invitations') }} as invitation
left join answered on invitation.invitation_id = answered.invitation_id
left join {{ source('identity', 'person_crosswalk') }} as crosswalk
    on invitation.invitation_id = crosswalk.source_record_id and crosswalk.source_system = 'surveys'
left join {{ ref('int_measures__visits') }} as visits on invitation.encounter_id = visits.encounter_id
left join {{ ref('int_measures__calls') }} as calls on invitation.contact_id = calls.contact_id
