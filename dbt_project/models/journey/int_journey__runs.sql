-- Runs of episodes of one subject in one service line with less than service_line_gap_days between them.
-- Grain: one row per episode; `run_id` is the run's first episode (an episode without a service line is its own run).
-- A window finds these, so the graph of the other links that remains is small.

with gaps as (
    select
        episodes.episode_id,
        episodes.subject_id,
        episodes.service_line,
        episodes.start_ts,
        case
            when episodes.service_line is not null and episodes.start_ts < max(episodes.end_ts) over (
                partition by episodes.subject_id, episodes.service_line
                order by episodes.start_ts, episodes.episode_id
                rows between unbounded preceding and 1 preceding
            ) + interval {{ journey_rule('service_line_gap_days') }} days then 0
            else 1
        end as begins_run
    from {{ ref('int_journey__episodes') }} as episodes
),

runs as (
    select
        gaps.*,
        sum(gaps.begins_run) over (
            partition by gaps.subject_id, gaps.service_line
            order by gaps.start_ts, gaps.episode_id
            rows between unbounded preceding and current row
        ) as run_number
    from gaps
)

select
    runs.episode_id,
    runs.subject_id,
    first_value(runs.episode_id) over (
        partition by runs.subject_id, runs.service_line, runs.run_number
        order by runs.start_ts, runs.episode_id
    ) as run_id
from runs
