-- Which accounts were used from which browser: every event that states both, and alias calls. A browser that several
-- accounts used has several rows; who then an anonymous event belongs to is for its reader to decide.
with stated as (
    select
        anonymous_id,
        user_id,
        happened_at
    from {{ ref('stg_portal__events') }}

    union all

    select
        previous_id as anonymous_id,
        user_id,
        happened_at
    from {{ ref('stg_portal__events') }}
    where event_type = 'alias'
)

select
    anonymous_id,
    user_id,
    min(happened_at) as first_seen_at
from stated
where anonymous_id is not null and user_id is not null and anonymous_id <> user_id
group by anonymous_id, user_id
