{{ config(schema='marts', access='public', contract={'enforced': true}) }}

select
    linked.journey_id,
    members.episode_id,
    members.activity_id,
    cast(
        row_number() over (partition by linked.journey_id order by {{ event_order('members') }}) as integer
    ) as position
from {{ ref('int_journey__members') }} as members
inner join {{ ref('int_journey__linked') }} as linked on members.episode_id = linked.episode_id
