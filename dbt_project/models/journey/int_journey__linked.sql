-- The journey of every episode. Grain: one row per episode.
-- Belonging together is an equivalence, so journeys are the connected components of the links: found exactly, for runs
-- that have a link at all; the rest are journeys of their own. A journey is named after its first episode.

with recursive {{ connected_components(ref('int_journey__links')) }}, -- noqa: PRS

labelled as (
    select
        runs.episode_id,
        runs.subject_id,
        coalesce(components.label, runs.run_id) as label
    from {{ ref('int_journey__runs') }} as runs
    left join components on runs.run_id = components.node
)

select
    labelled.episode_id,
    labelled.subject_id,
    first_value(labelled.episode_id) over (
        partition by labelled.label
        order by episodes.start_ts, labelled.episode_id
    ) as journey_id
from labelled
inner join {{ ref('int_journey__episodes') }} as episodes on labelled.episode_id = episodes.episode_id
