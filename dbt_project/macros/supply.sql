{#- Days covered by medication supply (MEASURES section 1).

    Belongs here: shifting overlapping supply and merging it. Does not belong: who is eligible or over which window.

    Days are `ambulatory days`: a person's calendar with the days of inpatient stays taken out. A stay then moves
    later supply past itself and leaves numerator and denominator by construction, which is CMS's adjustment. -#}

{#- Stay days of a person strictly before a date: subtract from the day number to get the ambulatory day. -#}
{% macro ambulatory_day(date_column, stay_days_before) -%}
({{ days_between("date '1970-01-01'", date_column) }} - coalesce({{ stay_days_before }}, 0))
{%- endmacro %}

{#- Runs of covered days per person and class, from `fills` (person_id, drug_class, ingredient, fill_id, filled_on,
    days_supply, ambulatory_day and the columns named in `partition`, which fills never cross).

    Within an ingredient the k-th supply ends at cum_k + max over j <= k of (start_j - cum_(j-1)) - 1, with cum the
    running sum of days: the closed form of "starts the day after the previous, already shifted, supply ends".
    Different ingredients are not shifted; the class is covered on the union of their days. -#}
{% macro covered_runs(fills, partition=[]) -%}
{%- set group = ['person_id', 'drug_class'] + partition -%}
ordered_fills as (
    select
        fills.person_id,
        fills.drug_class,
        fills.ingredient,
{%- for column in partition %}
        fills.{{ column }},
{%- endfor %}
        fills.fill_id,
        fills.ambulatory_day,
        fills.days_supply,
        sum(fills.days_supply) over (
            partition by fills.{{ group | join(', fills.') }}, fills.ingredient
            order by fills.filled_on, fills.fill_id
            rows between unbounded preceding and current row
        ) as cumulative_days
    from {{ fills }} as fills
),

shifted_fills as (
    select
        ordered_fills.*,
        ordered_fills.cumulative_days + max(
            ordered_fills.ambulatory_day - (ordered_fills.cumulative_days - ordered_fills.days_supply)
        ) over (
            partition by ordered_fills.{{ group | join(', ordered_fills.') }}, ordered_fills.ingredient
            order by ordered_fills.cumulative_days
            rows between unbounded preceding and current row
        ) - 1 as last_day
    from ordered_fills
),

supplied as (
    select
        shifted_fills.*,
        shifted_fills.last_day - shifted_fills.days_supply + 1 as first_day,
        max(shifted_fills.last_day) over (
            partition by shifted_fills.{{ group | join(', shifted_fills.') }}
            order by
                shifted_fills.last_day - shifted_fills.days_supply, shifted_fills.ingredient, shifted_fills.fill_id
            rows between unbounded preceding and 1 preceding
        ) as covered_until
    from shifted_fills
),

run_starts as (
    select
        supplied.*,
        sum(case when supplied.first_day <= supplied.covered_until + 1 then 0 else 1 end) over (
            partition by supplied.{{ group | join(', supplied.') }}
            order by supplied.first_day, supplied.ingredient, supplied.fill_id
            rows between unbounded preceding and current row
        ) as run_number
    from supplied
),

covered_runs as (
    select
{%- for column in group %}
        run_starts.{{ column }},
{%- endfor %}
        run_starts.run_number,
        min(run_starts.first_day) as first_day,
        max(run_starts.last_day) as last_day
    from run_starts
    group by {% for column in group %}run_starts.{{ column }}, {% endfor %}run_starts.run_number
)
{%- endmacro %}

{#- Days of one inpatient stay (alias with first_on, last_on) that lie before a date. -#}
{% macro stay_days_before(stays, day) -%}
greatest(0, {{ days_between(stays ~ '.first_on', 'least(' ~ day ~ ', ' ~ add_days(stays ~ '.last_on', '1') ~ ')') }})
{%- endmacro %}
