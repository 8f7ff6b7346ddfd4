{#- Medians and 90th percentiles at the declared grouping sets.

    Belongs here: order statistics from counted values, so that a group costs its distinct values and not its cases,
    and every engine gives the same number. Does not belong: rates and means (aggregates.sql). -#}

{#- Linear interpolation between order statistics (the usual continuous quantile), from each value's rank range. -#}
{% macro quantile_of_ranks(fraction) -%}
max(case when ranked.first_rank <= floor({{ fraction }} * (ranked.n_cases - 1)) + 1
    then ranked.waited end)
+ ({{ fraction }} * (max(ranked.n_cases) - 1) - floor({{ fraction }} * (max(ranked.n_cases) - 1))) * (
    max(case when ranked.first_rank <= ceil({{ fraction }} * (ranked.n_cases - 1)) + 1 then ranked.waited end)
    - max(case when ranked.first_rank <= floor({{ fraction }} * (ranked.n_cases - 1)) + 1 then ranked.waited end)
)
{%- endmacro %}

{#- Distribution-free 95 % bound of the median: the order statistic half n -/+ 1.96 / 2 * sqrt(n) (binomial). -#}
{% macro median_bound(side) -%}
{%- set half_width = '0.5 * ' ~ measure_parameter('z_95') ~ ' * sqrt(ranked.n_cases)' -%}
max(case when ranked.first_rank <=
{%- if side == 'low' %} greatest(1, floor(0.5 * ranked.n_cases - {{ half_width }}))
{%- else %} least(ranked.n_cases, ceil(1 + 0.5 * ranked.n_cases + {{ half_width }}))
{%- endif %} then ranked.waited end)
{%- endmacro %}

{#- Facts here carry `waited` (null unless counted) in place of numerator and denominator. Published: numerator = the
    sum of all waits, denominator = cases, value = the median. -#}
{% macro quantile_rows(mart, facts, keep=[], own=[]) -%}
{{ measure_months(
    mart, facts, {'waited': 'facts.waited', 'n_equal': 'count(facts.waited)'}, ['waited'], keep, own
) }},

counted as (
    select
        targets.cell_key,
        targets.period_grain,
        cast(date_trunc(targets.period_grain, months.counted_on) as date) as period_start,
        months.waited,
        sum(months.n_equal) as n_equal,
        sum(months.excluded_n) as excluded_n,
        sum(months.missing_n) as missing_n
    from months
    inner join targets on months.tuple_key = targets.tuple_key
    group by all
),

ranked as (
    select
        counted.*,
        sum(counted.n_equal) over ordered_values - counted.n_equal + 1 as first_rank,
        sum(counted.n_equal) over whole_cell as n_cases
    from counted
    window
        whole_cell as (partition by counted.cell_key, counted.period_grain, counted.period_start),
        ordered_values as (
            partition by counted.cell_key, counted.period_grain, counted.period_start
            order by counted.waited nulls last
            rows between unbounded preceding and current row
        )
),

estimates as (
    select
        ranked.cell_key,
        ranked.period_grain,
        ranked.period_start,
        coalesce({{ exact_sum('ranked.waited * ranked.n_equal') }}, 0) as numerator,
        cast(max(ranked.n_cases) as double) as denominator,
        max(ranked.n_cases) as n_cases,
        sum(ranked.excluded_n) as excluded_n,
        sum(ranked.missing_n) as missing_n,
        {{ quantile_of_ranks('0.5') }} as value,
        {{ median_bound('low') }} as ci_low,
        {{ median_bound('high') }} as ci_high,
        {{ quantile_of_ranks('0.9') }} as p90
    from ranked
    group by all
)

select
{{ measure_key_columns('estimates', keep) }}
{{ measure_value_columns('estimates', extra=['p90']) }}
from estimates
inner join named_cells on estimates.cell_key = named_cells.cell_key
cross join {{ ref('night') }} as night
{%- endmacro %}
