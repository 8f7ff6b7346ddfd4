{#- Times until something happens, open cases kept as censored: Kaplan-Meier at the declared grouping sets.

    Belongs here: the product-limit median and its interval. Does not belong: what starts or ends a wait. -#}

{#- The first time at which a curve has fallen to one half (but for rounding); null while it has not. -#}
{% macro first_time_at_half(curve) -%}
min(case when {{ curve }} <= 0.5 + 1e-9 and curves.n_events > 0 then curves.waited end)
{%- endmacro %}

{#- Facts carry `waited` (elapsed until the end, or until the night for an open case) and `is_event` (1 ended, 0 open).
    Published: numerator = cases that ended, denominator = cases, value = Kaplan-Meier median; its interval where the
    95 % band of the log-log transformed survival (Greenwood) crosses one half. -#}
{% macro survival_rows(mart, facts, keep=[], own=[]) -%}
{{ measure_months(mart, facts, {
    'waited': 'facts.waited',
    'n_events': 'sum(case when facts.waited is not null then facts.is_event else 0 end)',
    'n_ended_or_open': 'count(facts.waited)',
}, ['waited', 'is_event'], keep, own) }},

times as (
    select
        targets.cell_key,
        targets.period_grain,
        cast(date_trunc(targets.period_grain, months.counted_on) as date) as period_start,
        months.waited,
        sum(months.n_events) as n_events,
        sum(months.n_ended_or_open) as n_ended_or_open,
        sum(months.excluded_n) as excluded_n,
        sum(months.missing_n) as missing_n
    from months
    inner join targets on months.tuple_key = targets.tuple_key
    group by all
),

at_risk as (
    select
        times.*,
        -- Everyone whose time is this long or longer is still waiting just before it.
        sum(times.n_ended_or_open) over (
            partition by times.cell_key, times.period_grain, times.period_start
            order by times.waited desc nulls first
            rows between unbounded preceding and current row
        ) as n_at_risk
    from times
),

steps as (
    select
        at_risk.*,
        case
            when at_risk.n_at_risk > at_risk.n_events
                then ln((at_risk.n_at_risk - at_risk.n_events) / cast(at_risk.n_at_risk as double))
        end as log_step,
        case
            when at_risk.n_at_risk > at_risk.n_events
                then
                    at_risk.n_events
                    / (cast(at_risk.n_at_risk as double) * (at_risk.n_at_risk - at_risk.n_events))
        end as greenwood_step,
        -- The curve reaches zero where everyone left has the event.
        case when at_risk.n_at_risk > 0 and at_risk.n_at_risk = at_risk.n_events then 1 else 0 end as is_last
    from at_risk
),

sums as (
    select
        steps.*,
        sum(coalesce(steps.log_step, 0)) over passed as log_survival,
        sum(coalesce(steps.greenwood_step, 0)) over passed as greenwood,
        max(steps.is_last) over passed as is_zero
    from steps
    window passed as (
        partition by steps.cell_key, steps.period_grain, steps.period_start
        order by steps.waited asc nulls last
        rows between unbounded preceding and current row
    )
),

curves as (
    select
        sums.*,
        case when sums.is_zero = 1 then 0.0 else exp(sums.log_survival) end as survival,
        case
            when sums.is_zero = 1 then 0.0
            when sums.log_survival < 0 then exp(sums.log_survival * exp(
                {{ measure_parameter('z_95') }} * sqrt(sums.greenwood) / -sums.log_survival
            ))
            else 1.0
        end as survival_low,
        case
            when sums.is_zero = 1 then 0.0
            when sums.log_survival < 0 then exp(sums.log_survival * exp(
                -{{ measure_parameter('z_95') }} * sqrt(sums.greenwood) / -sums.log_survival
            ))
            else 1.0
        end as survival_high
    from sums
),

estimates as (
    select
        curves.cell_key,
        curves.period_grain,
        curves.period_start,
        cast(sum(curves.n_events) as double) as numerator,
        cast(sum(curves.n_ended_or_open) as double) as denominator,
        sum(curves.n_ended_or_open) as n_cases,
        sum(curves.n_ended_or_open) - sum(curves.n_events) as censored_n,
        sum(curves.excluded_n) as excluded_n,
        sum(curves.missing_n) as missing_n,
        {{ first_time_at_half('curves.survival') }} as value,
        {{ first_time_at_half('curves.survival_low') }} as ci_low,
        {{ first_time_at_half('curves.survival_high') }} as ci_high
    from curves
    group by all
)

select
{{ measure_key_columns('estimates', keep) }}
{{ measure_value_columns('estimates', counts=['censored_n']) }}
from estimates
inner join named_cells on estimates.cell_key = named_cells.cell_key
cross join {{ ref('night') }} as night
{%- endmacro %}
