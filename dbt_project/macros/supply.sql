{#- Days covered by medication supply (MEASURES section 1).

    Belongs here: shifting overlapping supply, merging it, and laying windows over it. Does not belong: who is eligible
    or which windows are asked for.

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
{%- if measure_parameter('pdc_same_day_fills_shift') != 'true' %}
-- Of several fills of one ingredient on one day only the longest counts.
single_fills as (
    select
        fills.*,
        row_number() over (
            partition by fills.{{ group | join(', fills.') }}, fills.ingredient, fills.filled_on
            order by fills.days_supply desc, fills.fill_id
        ) as place
    from {{ fills }} as fills
),
{%- endif %}
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
{%- if measure_parameter('pdc_same_day_fills_shift') == 'true' %}
    from {{ fills }} as fills
{%- else %}
    from single_fills as fills
    where fills.place = 1
{%- endif %}
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

{#- Windows on the ambulatory calendar: CTEs ending in `ambulatory_windows`, which is `windows` (person_id, the columns
    of `key`, first_on, last_on, both days counted) with first_day and last_day; its length leaves stay days out. -#}
{% macro ambulatory_windows(windows, key) -%}
stay_days as (
    select
        windows.{{ key | join(', windows.') }},
        sum({{ stay_days_before('stays', 'windows.first_on') }}) as before_start,
        sum({{ stay_days_before('stays', add_days('windows.last_on', '1')) }}) as through_end
    from {{ windows }} as windows
    inner join {{ ref('int_measures__inpatient_stays') }} as stays on windows.person_id = stays.person_id
    where {{ measure_parameter('pdc_adjust_inpatient') }}
    group by windows.{{ key | join(', windows.') }}
),

ambulatory_windows as (
    select
        windows.*,
        {{ ambulatory_day('windows.first_on', 'stay_days.before_start') }} as first_day,
        {{ ambulatory_day('windows.last_on', 'stay_days.through_end') }} as last_day
    from {{ windows }} as windows
    left join stay_days
        on {% for column in key %}windows.{{ column }} = stay_days.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
)
{%- endmacro %}

{#- Adherence over any windows: CTEs ending in `adherence`, one row per row of the relation `windows` (person_id,
    drug_class, window_id, window_start, window_end; both days counted) in which a fill was made (or every one, with
    `carry_in`): first_on, counted_days, covered_days, days_supplied, longest_gap_days, n_gaps.

    Without carry_in a window is counted from its first fill, and supply from before it is left out (PQA; AdhereR's CMA6:
    covered_days / counted_days; its CMA2: days_supplied / counted_days). With carry_in it is counted whole, supply at
    hand included (CMA7). -#}
{% macro adherence_in_windows(windows, carry_in=false) -%}
{%- set key = ['person_id', 'drug_class', 'window_id'] -%}
window_fills as (
    select
        windows.window_id,
        windows.window_end,
        fills.*
    from {{ windows }} as windows
    inner join {{ ref('int_measures__fills') }} as fills
        on
            windows.person_id = fills.person_id
            and windows.drug_class = fills.drug_class
            and windows.window_start <= fills.filled_on
            and windows.window_end >= fills.filled_on
    where fills.days_supply is not null
),

counted_windows as (
{%- if carry_in %}
    select
        windows.person_id,
        windows.drug_class,
        windows.window_id,
        windows.window_start as first_on,
        windows.window_end as last_on
    from {{ windows }} as windows
{%- else %}
    select
        window_fills.person_id,
        window_fills.drug_class,
        window_fills.window_id,
        min(window_fills.filled_on) as first_on,
        max(window_fills.window_end) as last_on
    from window_fills
    group by window_fills.person_id, window_fills.drug_class, window_fills.window_id
{%- endif %}
),

{{ ambulatory_windows('counted_windows', key) }},
{%- if not carry_in %}

{{ covered_runs('window_fills', ['window_id']) }},
{%- endif %}

window_runs as (
    select
        windows.person_id,
        windows.drug_class,
        windows.window_id,
        least(runs.last_day, windows.last_day) - greatest(runs.first_day, windows.first_day) + 1 as covered_days,
        greatest(runs.first_day, windows.first_day) - coalesce(
            lag(runs.last_day) over (
                partition by windows.person_id, windows.drug_class, windows.window_id order by runs.first_day
            ),
            windows.first_day - 1
        ) - 1 as gap_before,
        least(runs.last_day, windows.last_day) as last_day
    from ambulatory_windows as windows
    inner join {{ ref('int_measures__supply') if carry_in else 'covered_runs' }} as runs
        on
            windows.person_id = runs.person_id
            and windows.drug_class = runs.drug_class
            {%- if not carry_in %}
            and windows.window_id = runs.window_id
            {%- endif %}
            and windows.last_day >= runs.first_day
            and windows.first_day <= runs.last_day
),

covered_windows as (
    select
        window_runs.person_id,
        window_runs.drug_class,
        window_runs.window_id,
        sum(window_runs.covered_days) as covered_days,
        max(window_runs.gap_before) as longest_gap_before,
        sum(case when window_runs.gap_before > 0 then 1 else 0 end) as n_gaps_before,
        max(window_runs.last_day) as covered_until
    from window_runs
    group by window_runs.person_id, window_runs.drug_class, window_runs.window_id
),

supplied_windows as (
    -- A combination product is supplied once, however many ingredients it has.
    select
        doses.person_id,
        doses.drug_class,
        doses.window_id,
        sum(doses.days_supply) as days_supplied
    from (
        select distinct
            window_fills.person_id,
            window_fills.drug_class,
            window_fills.window_id,
            window_fills.fill_id,
            window_fills.days_supply
        from window_fills
    ) as doses
    group by doses.person_id, doses.drug_class, doses.window_id
),

adherence as (
    select
        windows.person_id,
        windows.drug_class,
        windows.window_id,
        windows.first_on,
        windows.last_on,
        windows.last_day - windows.first_day + 1 as counted_days,
        coalesce(covered.covered_days, 0) as covered_days,
        coalesce(supplied.days_supplied, 0) as days_supplied,
        greatest(
            coalesce(covered.longest_gap_before, 0),
            windows.last_day - coalesce(covered.covered_until, windows.first_day - 1)
        ) as longest_gap_days,
        coalesce(covered.n_gaps_before, 0) + case
            when windows.last_day > coalesce(covered.covered_until, windows.first_day - 1) then 1 else 0
        end as n_gaps
    from ambulatory_windows as windows
    left join covered_windows as covered
        on
            windows.person_id = covered.person_id
            and windows.drug_class = covered.drug_class
            and windows.window_id = covered.window_id
    left join supplied_windows as supplied
        on
            windows.person_id = supplied.person_id
            and windows.drug_class = supplied.drug_class
            and windows.window_id = supplied.window_id
)
{%- endmacro %}
