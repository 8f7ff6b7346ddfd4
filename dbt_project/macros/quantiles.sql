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
{% macro quantile_rows(mart, facts, keep=[]) -%}
with facts as (
    {{ facts_with_dimensions(facts, ['facts.waited', 'facts.excluded_n', 'facts.missing_n'], keep) | indent(4) }}
),

months as (
    select
        facts.measure_id,
        cast(date_trunc('month', facts.counted_on) as date) as counted_on,
{%- for column in keep + measure_dimensions() %}
        facts.{{ column }},
{%- endfor %}
        facts.waited,
        count(facts.waited) as n_cases,
        sum(facts.excluded_n) as excluded_n,
        sum(facts.missing_n) as missing_n
    from facts
    group by all
),

cells as (
    {{ at_grouping_sets('months', mart, [
        'cells.waited', 'cells.n_cases', 'cells.excluded_n', 'cells.missing_n'
    ], keep) | indent(4) }}
),

counted as (
    select
        cells.measure_id,
        cells.grouping_set,
        cells.period_grain,
        cells.period_start,
{%- for column in keep + measure_dimensions() %}
        cells.{{ column }},
{%- endfor %}
        cells.waited,
        sum(cells.n_cases) as n_equal,
        sum(cells.excluded_n) as excluded_n,
        sum(cells.missing_n) as missing_n
    from cells
    group by all
),

ranked as (
    select
        counted.*,
        sum(counted.n_equal) over ordered_values - counted.n_equal + 1 as first_rank,
        sum(counted.n_equal) over whole_group as n_cases
    from counted
    window
        whole_group as (
            partition by counted.measure_id, counted.grouping_set, counted.period_grain, counted.period_start,
            {% for column in keep + measure_dimensions() %}counted.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
        ),
        ordered_values as (
            partition by counted.measure_id, counted.grouping_set, counted.period_grain, counted.period_start,
            {% for column in keep + measure_dimensions() %}counted.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
            order by counted.waited nulls last
            rows between unbounded preceding and current row
        )
),

estimates as (
    select
        ranked.measure_id,
        ranked.grouping_set,
        ranked.period_grain,
        ranked.period_start,
{%- for column in keep + measure_dimensions() %}
        ranked.{{ column }},
{%- endfor %}
        coalesce(sum(ranked.waited * ranked.n_equal), 0) as numerator,
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
    estimates.numerator,
    estimates.denominator,
    cast(estimates.n_cases as bigint) as n_cases,
    cast(estimates.excluded_n as bigint) as excluded_n,
    cast(estimates.missing_n as bigint) as missing_n,
    case when not {{ is_suppressed('estimates.n_cases') }} then estimates.value end as value,
    case when not {{ is_suppressed('estimates.n_cases') }} then estimates.ci_low end as ci_low,
    case when not {{ is_suppressed('estimates.n_cases') }} then estimates.ci_high end as ci_high,
    case when not {{ is_suppressed('estimates.n_cases') }} then estimates.p90 end as p90,
    {{ is_suppressed('estimates.n_cases') }} as suppressed,
    {{ suppression_reason('estimates.n_cases') }} as suppression_reason
from estimates
{%- endmacro %}
