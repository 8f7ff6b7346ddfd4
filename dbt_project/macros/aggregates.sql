{#- From facts (one row a case) to published measure rows at the declared grouping sets.

    Belongs here: the one way that facts become rows of a measure mart. Does not belong: any measure's own rule.

    A facts model has: measure_id, person_id, counted_on (local date), department_id, provider_id, channel,
    numerator, denominator (both null unless the case is counted), excluded_n, missing_n (0 or 1), and the columns
    named in `keep`, which stay in every row; with `own=['payer']` it brings its own payer in place of the person's, with
    `own=['location_id']` the place of the visit (no other facts know one).
    A case of which no day is known (counted_on null) cannot be counted in a period: unless excluded, it is missing on the
    night's date.
    A dimension that a grouping set leaves out reads 'all'; one that is not known reads 'unknown' and stays a group of
    its own. -#}

{#- Dimensions of every measure mart, in column order. -#}
{% macro measure_dimensions() -%}
{{ return([
    'department_id', 'sub_sector', 'location_id', 'provider_id', 'channel',
    'generation', 'sex', 'race', 'ethnicity', 'language', 'payer',
    'disability', 'chronic_conditions', 'rurality',
]) }}
{%- endmacro %}

{#- Qualified column names, as a list. -#}
{% macro columns_of(alias, names) -%}
{%- set qualified = [] -%}
{%- for name in names -%}
    {%- do qualified.append(alias ~ '.' ~ name) -%}
{%- endfor -%}
{{ return(qualified) }}
{%- endmacro %}

{#- Opening CTEs of every measure mart, up to `months` (facts summed by month, names and dimensions folded into one
    integer `tuple_key`) and `targets` (which cells a tuple is part of). Grouping by integers is what keeps dozens of
    grouping sets cheap; the texts come back by `named_cells`. `sums`: column -> aggregate over facts; `values`: columns
    of the facts that stay apart within a month. -#}
{% macro measure_months(mart, facts, sums, values, keep, own) -%}
{%- set names = ['measure_id'] + keep + measure_dimensions() -%}
with facts as (
    select
        facts.measure_id,
        coalesce(facts.counted_on, night.as_of_date) as counted_on,
{%- for column in keep %}
        coalesce(facts.{{ column }}, 'unknown') as {{ column }},
{%- endfor %}
        coalesce(facts.department_id, 'unknown') as department_id,
        coalesce(departments.sub_sector, 'unknown') as sub_sector,
        coalesce({{ 'facts.location_id' if 'location_id' in own else 'null' }}, 'unknown') as location_id,
        coalesce(facts.provider_id, 'unknown') as provider_id,
        coalesce(facts.channel, 'unknown') as channel,
        coalesce(people.generation, 'unknown') as generation,
        coalesce(people.sex, 'unknown') as sex,
        coalesce(people.race, 'unknown') as race,
        coalesce(people.ethnicity, 'unknown') as ethnicity,
        coalesce(people.language, 'unknown') as language,
        coalesce({{ 'facts' if 'payer' in own else 'people' }}.payer, 'unknown') as payer,
        coalesce(people.disability, 'unknown') as disability,
        coalesce(people.chronic_conditions, 'unknown') as chronic_conditions,
        coalesce(people.rurality, 'unknown') as rurality,
{%- for column in values %}
        case when facts.counted_on is not null then facts.{{ column }} end as {{ column }},
{%- endfor %}
        facts.excluded_n,
        case when facts.counted_on is null and facts.excluded_n = 0 then 1 else facts.missing_n end as missing_n
    from {{ facts }} as facts
    -- Facts may serve several marts: each takes the measures that the catalogue gives it.
    inner join {{ ref('measures') }} as measures on facts.measure_id = measures.measure_id and measures.mart = '{{ mart }}'
    cross join {{ ref('night') }} as night
    left join {{ ref('int_measures__people') }} as people on facts.person_id = people.person_id
    left join {{ ref('dim_department') }} as departments on facts.department_id = departments.department_id
    where coalesce(facts.counted_on <= night.as_of_date, true)
),

months as (
    select
        {{ stable_key(columns_of('facts', names)) }} as tuple_key,
        {{ columns_of('facts', names) | join(', ') }},
        cast(date_trunc('month', facts.counted_on) as date) as counted_on,
{%- for column, aggregate in sums.items() %}
        {{ aggregate }} as {{ column }},
{%- endfor %}
        sum(facts.excluded_n) as excluded_n,
        sum(facts.missing_n) as missing_n
    from facts
    group by all
),

cells as (
    select
        tuples.tuple_key,
        sets.grouping_set,
        sets.period_grains,
        tuples.measure_id,
{%- for column in keep %}
        tuples.{{ column }},
{%- endfor %}
{%- for dimension in measure_dimensions() %}
        case
            when '|' || sets.dimensions || '|' like '%|{{ dimension }}|%' then tuples.{{ dimension }} else 'all'
        end as {{ dimension }}{{ ',' if not loop.last }}
{%- endfor %}
    from (select distinct months.tuple_key, {{ columns_of('months', names) | join(', ') }} from months) as tuples
    cross join {{ ref('grouping_sets') }} as sets
    where sets.mart = '{{ mart }}'
),

keyed_cells as (
    select
        cells.*,
        {{ stable_key(columns_of('cells', ['grouping_set'] + names)) }} as cell_key
    from cells
),

named_cells as (
    select distinct
        keyed_cells.cell_key,
        keyed_cells.grouping_set,
        {{ columns_of('keyed_cells', names) | join(', ') }}
    from keyed_cells
),

targets as (
    select
        keyed_cells.tuple_key,
        keyed_cells.cell_key,
        grains.period_grain
    from keyed_cells
    inner join (
        select 'month' as period_grain
        union all
        select 'quarter' as period_grain
        union all
        select 'year' as period_grain
    ) as grains on '|' || keyed_cells.period_grains || '|' like '%|' || grains.period_grain || '|%'
)
{%- endmacro %}

{#- The columns that name a measure row: from `named_cells` and the estimates' period. -#}
{% macro measure_key_columns(estimates, keep) -%}
    named_cells.measure_id,
    {{ measure_parameter('spec_version') }} as spec_version,
    {{ estimates }}.period_grain,
    {{ estimates }}.period_start,
    {{ period_end(estimates ~ '.period_start', estimates ~ '.period_grain') }} as period_end,
    {{ period_end(estimates ~ '.period_start', estimates ~ '.period_grain') }} <= night.as_of_date as is_period_complete,
    named_cells.grouping_set,
{%- for column in keep + measure_dimensions() %}
    named_cells.{{ column }},
{%- endfor %}
{%- endmacro %}

{#- The columns that every measure row ends with; `extra` are shown and hidden with the value. -#}
{% macro measure_value_columns(estimates, counts=[], extra=[]) -%}
    {{ estimates }}.numerator,
    {{ estimates }}.denominator,
{%- for column in ['n_cases'] + counts + ['excluded_n', 'missing_n'] %}
    cast({{ estimates }}.{{ column }} as bigint) as {{ column }},
{%- endfor %}
{%- for column in ['value', 'ci_low', 'ci_high'] + extra %}
    case when not {{ is_suppressed(estimates ~ '.n_cases') }} then {{ estimates }}.{{ column }} end as {{ column }},
{%- endfor %}
    {{ is_suppressed(estimates ~ '.n_cases') }} as suppressed,
    {{ suppression_reason(estimates ~ '.n_cases') }} as suppression_reason
{%- endmacro %}

{% macro period_end(period_start, period_grain) -%}
cast({{ period_start }} + case {{ period_grain }}
    when 'month' then interval 1 month
    when 'quarter' then interval 3 month
    else interval 12 month
end - interval 1 day as date)
{%- endmacro %}

{#- Bound of the 95 % interval of a mean, `population` as in standard_error. -#}
{% macro mean_bound(sign, population) -%}
totals.numerator / nullif(totals.denominator, 0) {{ sign }} {{ measure_parameter('z_95') }}
* {{ standard_error('totals.numerator', 'totals.squares', 'totals.denominator', population) }}
{%- endmacro %}

{#- Sums and means to twelve decimals, as doubles. Doubles added in another order differ in their last digits, and threads
    add in another order every night: the same facts would not be the same publication. -#}
{% macro exact_sum(value) -%}
cast(sum(cast({{ value }} as decimal(38, 12))) as double)
{%- endmacro %}

{% macro exact_mean(value) -%}
{{ exact_sum(value) }} / nullif(count({{ value }}), 0)
{%- endmacro %}

{#- Rates and means. The catalogue (seed `measures`) says a measure's kind: `proportion` (Wilson interval), `nps`
    (x 100, interval of section 5), `mean` (normal interval), `ratio` (sums, no interval). -#}
{% macro measure_rows(mart, facts, keep=[], own=[]) -%}
{{ measure_months(mart, facts, {
    'numerator': exact_sum('facts.numerator'),
    'denominator': exact_sum('facts.denominator'),
    'squares': exact_sum('cast(facts.numerator as double) * facts.numerator'),
    'n_cases': 'count(facts.denominator)',
}, ['numerator', 'denominator'], keep, own) }},

totals as (
    select
        targets.cell_key,
        targets.period_grain,
        cast(date_trunc(targets.period_grain, months.counted_on) as date) as period_start,
{%- for column in ['numerator', 'denominator', 'squares'] %}
        coalesce({{ exact_sum('months.' ~ column) }}, 0) as {{ column }},
{%- endfor %}
{%- for column in ['n_cases', 'excluded_n', 'missing_n'] %}
        coalesce(sum(months.{{ column }}), 0) as {{ column }}{{ ',' if not loop.last }}
{%- endfor %}
    from months
    inner join targets on months.tuple_key = targets.tuple_key
    group by all
),

estimates as (
    select
        totals.*,
        case measures.kind when 'nps' then 100.0 else 1.0 end
        * (totals.numerator / nullif(totals.denominator, 0)) as value,
{%- for name, side, sign in [('ci_low', 'low', '-'), ('ci_high', 'high', '+')] %}
        case measures.kind
            when 'proportion' then {{ wilson_bound('totals.numerator', 'totals.denominator', side) }}
            when 'nps' then 100 * ({{ mean_bound(sign, true) }})
            when 'mean' then {{ mean_bound(sign, false) }}
        end as {{ name }}{{ ',' if not loop.last }}
{%- endfor %}
    from totals
    inner join named_cells on totals.cell_key = named_cells.cell_key
    inner join {{ ref('measures') }} as measures on named_cells.measure_id = measures.measure_id
)

select
{{ measure_key_columns('estimates', keep) }}
{{ measure_value_columns('estimates') }}
from estimates
inner join named_cells on estimates.cell_key = named_cells.cell_key
cross join {{ ref('night') }} as night
{%- endmacro %}
