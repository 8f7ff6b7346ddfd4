{#- From facts (one row a case) to published measure rows at the declared grouping sets.

    Belongs here: the one way that facts become rows of a measure mart. Does not belong: any measure's own rule.

    A facts model has: measure_id, person_id, counted_on (local date), department_id, provider_id, channel,
    numerator, denominator (both null unless the case is counted), excluded_n, missing_n (0 or 1), and the columns
    named in `keep`, which stay in every row; with `own=['payer']` it brings its own payer in place of the person's.
    A dimension that a grouping set leaves out reads 'all'; one that is not known reads 'unknown' and stays a group of
    its own. -#}

{#- Dimensions of every measure mart, in column order. -#}
{% macro measure_dimensions() -%}
{{ return([
    'department_id', 'sub_sector', 'provider_id', 'channel',
    'generation', 'sex', 'race', 'ethnicity', 'language', 'payer',
]) }}
{%- endmacro %}

{#- Facts with the person's and the department's dimensions, as text, unknown named as such. -#}
{% macro facts_with_dimensions(facts, columns, keep, own=[]) -%}
select
    facts.measure_id,
    facts.counted_on,
{%- for column in keep %}
    facts.{{ column }},
{%- endfor %}
    coalesce(facts.department_id, 'unknown') as department_id,
    coalesce(departments.sub_sector, 'unknown') as sub_sector,
    coalesce(facts.provider_id, 'unknown') as provider_id,
    coalesce(facts.channel, 'unknown') as channel,
    coalesce(people.generation, 'unknown') as generation,
    coalesce(people.sex, 'unknown') as sex,
    coalesce(people.race, 'unknown') as race,
    coalesce(people.ethnicity, 'unknown') as ethnicity,
    coalesce(people.language, 'unknown') as language,
    coalesce({{ 'facts' if 'payer' in own else 'people' }}.payer, 'unknown') as payer,
    {{ columns | join(',\n    ') }}
from {{ facts }} as facts
inner join {{ ref('night') }} as night on facts.counted_on <= night.as_of_date
left join {{ ref('int_measures__people') }} as people on facts.person_id = people.person_id
left join {{ ref('dim_department') }} as departments on facts.department_id = departments.department_id
{%- endmacro %}

{#- Each row of `relation` once per declared grouping set and period of the mart; needs `counted_on`. -#}
{% macro at_grouping_sets(relation, mart, columns, keep) -%}
select
    cells.measure_id,
    sets.grouping_set,
    grains.period_grain,
    cast(date_trunc(grains.period_grain, cells.counted_on) as date) as period_start,
{%- for column in keep %}
    cells.{{ column }},
{%- endfor %}
{%- for dimension in measure_dimensions() %}
    case
        when '|' || sets.dimensions || '|' like '%|{{ dimension }}|%' then cells.{{ dimension }} else 'all'
    end as {{ dimension }},
{%- endfor %}
    {{ columns | join(',\n    ') }}
from {{ relation }} as cells
cross join {{ ref('grouping_sets') }} as sets
inner join (
    select 'month' as period_grain
    union all
    select 'quarter' as period_grain
    union all
    select 'year' as period_grain
) as grains on '|' || sets.period_grains || '|' like '%|' || grains.period_grain || '|%'
where sets.mart = '{{ mart }}'
{%- endmacro %}

{#- The columns that name a measure row, and those that every row ends with. -#}
{% macro measure_key_columns(alias, keep) -%}
    {{ alias }}.measure_id,
    {{ measure_parameter('spec_version') }} as spec_version,
    {{ alias }}.period_grain,
    {{ alias }}.period_start,
    {{ period_end(alias ~ '.period_start', alias ~ '.period_grain') }} as period_end,
    {{ period_end(alias ~ '.period_start', alias ~ '.period_grain') }}
    <= (select night.as_of_date from {{ ref('night') }} as night) as is_period_complete,
    {{ alias }}.grouping_set,
{%- for column in keep + measure_dimensions() %}
    {{ alias }}.{{ column }},
{%- endfor %}
{%- endmacro %}

{% macro period_end(period_start, period_grain) -%}
cast({{ period_start }} + case {{ period_grain }}
    when 'month' then interval 1 month
    when 'quarter' then interval 3 month
    else interval 12 month
end - interval 1 day as date)
{%- endmacro %}

{#- Rates and means. The catalogue (seed `measures`) says a measure's kind: `proportion` (Wilson interval), `nps`
    (x 100, interval of section 5), `mean` (normal interval), `ratio` (sums, no interval). -#}
{% macro measure_rows(mart, facts, keep=[], own=[]) -%}
{%- set sums = ['numerator', 'denominator', 'squares', 'n_cases', 'excluded_n', 'missing_n'] -%}
with facts as (
    {{ facts_with_dimensions(facts, [
        'facts.numerator', 'facts.denominator', 'facts.excluded_n', 'facts.missing_n'
    ], keep, own) | indent(4) }}
),

months as (
    select
        facts.measure_id,
        cast(date_trunc('month', facts.counted_on) as date) as counted_on,
{%- for column in keep + measure_dimensions() %}
        facts.{{ column }},
{%- endfor %}
        sum(cast(facts.numerator as double)) as numerator,
        sum(cast(facts.denominator as double)) as denominator,
        sum(cast(facts.numerator as double) * facts.numerator) as squares,
        count(facts.denominator) as n_cases,
        sum(facts.excluded_n) as excluded_n,
        sum(facts.missing_n) as missing_n
    from facts
    group by all
),

cells as (
    {{ at_grouping_sets('months', mart, [
        'cells.numerator', 'cells.denominator', 'cells.squares', 'cells.n_cases', 'cells.excluded_n', 'cells.missing_n'
    ], keep) | indent(4) }}
),

totals as (
    select
        cells.measure_id,
        cells.grouping_set,
        cells.period_grain,
        cells.period_start,
{%- for column in keep + measure_dimensions() %}
        cells.{{ column }},
{%- endfor %}
{%- for column in sums %}
        coalesce(sum(cells.{{ column }}), 0) as {{ column }}{{ ',' if not loop.last }}
{%- endfor %}
    from cells
    group by all
),

estimates as (
    select
        totals.*,
        case measures.kind when 'nps' then 100.0 else 1.0 end
        * (totals.numerator / nullif(totals.denominator, 0)) as value,
        case
            when measures.kind = 'proportion' then {{ wilson_bound('totals.numerator', 'totals.denominator', 'low') }}
            when measures.kind = 'nps' then 100 * (
                totals.numerator / nullif(totals.denominator, 0) - {{ measure_parameter('z_95') }}
                * {{ standard_error('totals.numerator', 'totals.squares', 'totals.denominator', true) }}
            )
            when measures.kind = 'mean' then
                totals.numerator / nullif(totals.denominator, 0) - {{ measure_parameter('z_95') }}
                * {{ standard_error('totals.numerator', 'totals.squares', 'totals.denominator', false) }}
        end as ci_low,
        case
            when measures.kind = 'proportion' then {{ wilson_bound('totals.numerator', 'totals.denominator', 'high') }}
            when measures.kind = 'nps' then 100 * (
                totals.numerator / nullif(totals.denominator, 0) + {{ measure_parameter('z_95') }}
                * {{ standard_error('totals.numerator', 'totals.squares', 'totals.denominator', true) }}
            )
            when measures.kind = 'mean' then
                totals.numerator / nullif(totals.denominator, 0) + {{ measure_parameter('z_95') }}
                * {{ standard_error('totals.numerator', 'totals.squares', 'totals.denominator', false) }}
        end as ci_high
    from totals
    inner join {{ ref('measures') }} as measures on totals.measure_id = measures.measure_id
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
    {{ is_suppressed('estimates.n_cases') }} as suppressed,
    {{ suppression_reason('estimates.n_cases') }} as suppression_reason
from estimates
{%- endmacro %}
