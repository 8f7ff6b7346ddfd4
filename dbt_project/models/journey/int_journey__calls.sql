-- Which phone issue a contact belongs to. Grain: one row per subject and contact.
-- Transfers, queue-to-agent legs and callbacks of one call are one chain (their initial contact). Chains of one subject
-- and reason with at most phone_gap_days between them are one issue; a chain whose reason nobody noted stands alone.

with call_subjects as (
    select distinct
        {{ subject_id('touchpoints') }} as subject_id,
        touchpoints.call_id
    from {{ ref('touchpoints') }} as touchpoints
    where touchpoints.call_id is not null
),

contacts as (
    select
        call_subjects.subject_id,
        call_subjects.call_id,
        coalesce(contacts.initial_contact_id, call_subjects.call_id) as chain_id,
        contacts.reason,
        contacts.initiated_at,
        coalesce(contacts.disconnected_at, contacts.initiated_at) as ended_at
    from call_subjects
    inner join {{ ref('stg_call_center__contacts') }} as contacts on call_subjects.call_id = contacts.contact_id
),

chains as (
    select
        subject_id,
        chain_id,
        max(reason) as reason,
        min(initiated_at) as started_at,
        max(ended_at) as ended_at
    from contacts
    group by subject_id, chain_id
),

gaps as (
    select
        chains.*,
        case
            when chains.reason is not null and chains.started_at <= max(chains.ended_at) over (
                partition by chains.subject_id, chains.reason
                order by chains.started_at, chains.chain_id
                rows between unbounded preceding and 1 preceding
            ) + interval {{ journey_rule('phone_gap_days') }} days then 0
            else 1
        end as begins_issue
    from chains
),

issues as (
    select
        gaps.*,
        sum(gaps.begins_issue) over (
            partition by gaps.subject_id, gaps.reason
            order by gaps.started_at, gaps.chain_id
            rows between unbounded preceding and current row
        ) as issue_number
    from gaps
),

named as (
    select
        issues.subject_id,
        issues.chain_id,
        'phone|' || first_value(issues.chain_id) over (
            partition by issues.subject_id, issues.reason, issues.issue_number
            order by issues.started_at, issues.chain_id
        ) as episode_name,
        max(issues.ended_at) over (
            partition by issues.subject_id, issues.reason, issues.issue_number
        ) as issue_ended_at
    from issues
)

select
    contacts.subject_id,
    contacts.call_id,
    contacts.chain_id,
    named.episode_name,
    named.issue_ended_at
from contacts
inner join named on contacts.subject_id = named.subject_id and contacts.chain_id = named.chain_id
