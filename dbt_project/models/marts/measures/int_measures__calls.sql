-- One row per contact with the person who called and what the call-centre measures count.
select
    contact.contact_id,
    coalesce(contact.initial_contact_id, contact.contact_id) as conversation_id,
    contact.previous_contact_id,
    crosswalk.person_id,
    contact.channel as medium,
    case contact.channel when 'VOICE' then 'phone' when 'CHAT' then 'chat' else lower(contact.channel) end as channel,
    contact.queue_name,
    contact.agent_id,
    contact.department_id,
    contact.initiation_method,
    contact.initiated_at,
    contact.queued_at,
    contact.disconnected_at,
    cast({{ local_time('contact.initiated_at') }} as date) as contacted_on,
    contact.queue_wait_seconds,
    contact.talk_seconds,
    contact.hold_seconds,
    contact.after_call_work_seconds,
    contact.reason,
    contact.is_resolved,
    contact.is_answered,
    contact.is_abandoned,
    contact.is_transfer,
    contact.is_callback
from {{ ref('stg_call_center__contacts') }} as contact
left join {{ source('identity', 'person_crosswalk') }} as crosswalk
    on contact.contact_id = crosswalk.source_record_id and crosswalk.source_system = 'call_center'
