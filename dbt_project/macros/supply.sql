{#- Days covered by medication supply (MEASURES section 1).

    Belongs here: shifting overlapping supply, merging it, and laying windows over it. Does not belong: who is eligible
    or which windows are asked for.

    Days are `ambulatory days`: a person's calendar with the days of inpatient stays taken out. A stay then moves
    later supply past itself and leaves numerator and denominator by construction, which is CMS's adjustment. -#}

{#- Days of supply from an amount and its UCUM unit. Without a unit FHIR means days; an unknown unit is no number of days:
    the fill counts as missing. -#}
{% macro days_in_unit(amount, unit) -%}
{{ amount }} * case coalesce({{ unit }}, 'd')
    when 'd' then 1 when 'wk' then 7 when 'mo' then 30 when 'a' then 365 when 'h' then 1 / 24.0
end
{%- endmacro %}

{#- Days that one fill lasts (CQF CumulativeMedicationDuration 6.0): as stated, else what was handed out by what is taken a
    day, the most that the dosage allows. The columns are those of the views MedicationDispense and MedicationRequest.
    Of several dosages, of a dose in another unit than the quantity and of a timing code that means no number, nothing can
    be said: the fill counts as missing. -#}
{% macro days_of_supply() -%}
coalesce(
    {{ days_in_unit('days_supply', 'days_supply_unit') }},
    case
        when has_several_dosages then null
        when
            {{ another_unit('coalesce(highest_dose_unit_code, dose_unit_code)', 'quantity_unit_code') }}
            or (
                (coalesce(highest_dose_unit_code, dose_unit_code) is null or quantity_unit_code is null)
                and {{ another_unit('lower(coalesce(highest_dose_unit, dose_unit))', 'lower(quantity_unit)') }}
            )
            then null
        else quantity / nullif(coalesce(highest_dose, dose) * {{ doses_per_day() }}, 0)
    end
)
{%- endmacro %}

{% macro another_unit(unit, other) -%}
coalesce({{ unit }} <> {{ other }}, false)
{%- endmacro %}

{#- How often a day a dose is taken: so often in a period (once and a day where only one of the two is said), at so many
    times of day, by HL7's timing abbreviations, else once. -#}
{% macro doses_per_day() -%}
case
    when dose_frequency is not null or dose_period is not null
        then coalesce(highest_dose_frequency, dose_frequency, 1) / nullif(
            coalesce(dose_period, 1) * case coalesce(dose_period_unit, 'd')
                when 'd' then 1.0 when 'h' then 1 / 24.0 when 'min' then 1 / 1440.0 when 's' then 1 / 86400.0
                when 'wk' then 7.0 when 'mo' then 30.0 when 'a' then 365.0
            end,
            0
        )
    when dose_times <> '' then length(dose_times) - length(replace(dose_times, ',', '')) + 1
    when timing_code is not null and timing_system = 'http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation'
        then
            case timing_code
                when 'QD' then 1.0 when 'AM' then 1.0 when 'PM' then 1.0 when 'BED' then 1.0 when 'BID' then 2.0
                when 'TID' then 3.0 when 'QID' then 4.0 when 'QOD' then 0.5 when 'Q1H' then 24.0 when 'Q2H' then 12.0
                when 'Q3H' then 8.0 when 'Q4H' then 6.0 when 'Q6H' then 4.0 when 'Q8H' then 3.0
                when 'WK' then 1 / 7.0 when 'MO' then 1 / 30.0
            end
    when timing_code is null then 1.0
end
{%- endmacro %}

{#- Stay days of a person strictly before a date: subtract from the day number to get the ambulatory day. -#}
{% macro ambulatory_day(date_column, stay_days_before) -%}
cast({{ days_between("date '1970-01-01'", date_column) }} - coalesce({{ stay_days_before }}, 0) as integer)
{%- endmacro %}

{#- Supplies moved behind each other: CTEs ending in `supplied`, from `fills` (rows of int_measures__fills with known
    days): first_day, last_day, and covered_until, the last day that the earlier supplies of the class reach. Fills never
    cross a `group`, whose columns must part persons and classes; the columns of `carried` are the same in a group. A
    group holds all fills of a person and class between two days.

    Within an ingredient the k-th supply ends at cum_k + max over j <= k of (start_j - cum_(j-1)) - 1, with cum the
    running sum of days (`days_so_far`; from which fill on it runs cancels out): the closed form of "starts the day after
    the previous, already shifted, supply ends". Different ingredients are not shifted; the class is covered on the union
    of their days, whichever of those that begin on one day comes first. Rows are narrow and keys are numbers because each
    window sorts them anew. -#}
{% macro shifted_supplies(fills, group, carried=[]) -%}
{%- set columns = group + carried + ['ingredient_number', 'filled_on', 'ambulatory_day'] -%}
{%- if measure_parameter('pdc_same_day_fills_shift') != 'true' %}
-- Of several fills of one ingredient on one day only the longest counts.
single_fills as (
    select
        fills.{{ columns | join(', fills.') }},
        max(fills.days_supply) as days_supply
    from {{ fills }} as fills
    group by fills.{{ columns | join(', fills.') }}
),

ordered_fills as (
    select
        fills.*,
        cast(sum(fills.days_supply) over (
            partition by fills.{{ group | join(', fills.') }}, fills.ingredient_number
            order by fills.filled_on
            rows between unbounded preceding and current row
        ) as integer) as days_so_far
    from single_fills as fills
),
{%- endif %}
shifted_fills as (
    select
        fills.{{ (group + carried) | join(', fills.') }},
        fills.days_supply,
        cast(fills.days_so_far + max(fills.ambulatory_day - (fills.days_so_far - fills.days_supply)) over (
            partition by fills.{{ group | join(', fills.') }}, fills.ingredient_number
            order by fills.days_so_far
            rows between unbounded preceding and current row
        ) - 1 as integer) as last_day
    from {{ fills if measure_parameter('pdc_same_day_fills_shift') == 'true' else 'ordered_fills' }} as fills
),

supplied as (
    select
        shifted_fills.{{ (group + carried) | join(', shifted_fills.') }},
        shifted_fills.last_day - shifted_fills.days_supply + 1 as first_day,
        shifted_fills.last_day,
        max(shifted_fills.last_day) over (
            partition by shifted_fills.{{ group | join(', shifted_fills.') }}
            order by shifted_fills.last_day - shifted_fills.days_supply
            rows between unbounded preceding and 1 preceding
        ) as covered_until
    from shifted_fills
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

{#- The number by which int_measures__fills knows a drug class: CTE `name` (drug_class, class_number). A fill of no known
    class has number 0, which is not among them. -#}
{% macro drug_classes(name='drug_classes') -%}
{{ numbered_values(name, 'drug_class', 'class_number', ref('drug_products')) }}
{%- endmacro %}

{#- Adherence over any windows: CTEs ending in `adherence`, one row per row of the relation `windows` (person_id,
    drug_class, window_id, window_start, window_end; both days counted) in which a fill was made (or every one, with
    `carry_in`): first_on, counted_days, covered_days, days_supplied, longest_gap_days, n_gaps.

    Without carry_in a window is counted from its first fill, and supply from before it is left out (PQA; AdhereR's CMA6:
    covered_days / counted_days; its CMA2: days_supplied / counted_days). With carry_in it is counted whole, supply at
    hand included (CMA7). -#}
{% macro adherence_in_windows(windows, carry_in=false) -%}
{{ drug_classes() }},

-- One number a window, in the order of the fills: what tens of millions of them are joined, sorted and grouped by.
dated_windows as (
    select
        windows.person_id,
        windows.drug_class,
        drug_classes.class_number,
        windows.window_id,
        cast(row_number() over (
            order by windows.person_id, drug_classes.class_number, windows.window_start
        ) as integer) as window_number,
        windows.window_start as first_on,
        windows.window_end as last_on
    from {{ windows }} as windows
    inner join drug_classes on windows.drug_class = drug_classes.drug_class
),

{{ ambulatory_windows('dated_windows', ['window_number']) }},

window_fills as (
    select
        windows.window_number,
        windows.last_day as window_last_day,
        fills.ingredient_number,
        fills.filled_on,
        fills.ambulatory_day,
        fills.days_supply,
        fills.days_so_far,
        fills.is_first_ingredient
    from ambulatory_windows as windows
    inner join {{ ref('int_measures__fills') }} as fills
        on
            windows.person_id = fills.person_id
            and windows.class_number = fills.class_number
            and windows.first_on <= fills.filled_on
            and windows.last_on >= fills.filled_on
    where fills.days_supply is not null
),

supplied_windows as (
    -- A combination product is supplied once, however many ingredients it has.
    select
        window_fills.window_number,
        min(window_fills.filled_on) as first_fill_on,
        min(window_fills.ambulatory_day) as first_fill_day,
        sum(case when window_fills.is_first_ingredient then window_fills.days_supply else 0 end) as days_supplied
    from window_fills
    group by window_fills.window_number
),

counted_windows as (
    select
        windows.person_id,
        windows.drug_class,
        windows.window_id,
        windows.window_number,
        windows.last_day,
        {{ 'windows.first_on' if carry_in else 'supplied.first_fill_on' }} as first_on,
        {{ 'windows.first_day' if carry_in else 'supplied.first_fill_day' }} as first_day,
        coalesce(supplied.days_supplied, 0) as days_supplied
    from ambulatory_windows as windows
    {{ 'left' if carry_in else 'inner' }} join supplied_windows as supplied
        on windows.window_number = supplied.window_number
),

-- What each supply adds to the days covered before it, inside the window.
{%- if carry_in %}
window_supplies as (
    select
        windows.window_number,
        least(supply.last_day, windows.last_day) as last_day,
        greatest(supply.first_day, windows.first_day) as first_day,
        greatest(coalesce(supply.covered_until, windows.first_day - 1), windows.first_day - 1) as covered_until
    from counted_windows as windows
    inner join {{ ref('int_measures__supply') }} as supply
        on
            windows.person_id = supply.person_id
            and windows.drug_class = supply.drug_class
            and windows.last_day >= supply.first_day
            and windows.first_day <= supply.last_day
),
{%- else %}
{{ shifted_supplies('window_fills', ['window_number'], ['window_last_day']) }},

window_supplies as (
    select
        supplied.window_number,
        least(supplied.last_day, supplied.window_last_day) as last_day,
        supplied.first_day,
        coalesce(supplied.covered_until, supplied.first_day - 1) as covered_until
    from supplied
    where supplied.first_day <= supplied.window_last_day
),
{%- endif %}

covered_windows as (
    select
        supplies.window_number,
        sum(greatest(supplies.last_day - greatest(supplies.first_day - 1, supplies.covered_until), 0)) as covered_days,
        max(supplies.first_day - supplies.covered_until - 1) as longest_gap_before,
        sum(case when supplies.first_day > supplies.covered_until + 1 then 1 else 0 end) as n_gaps_before,
        max(supplies.last_day) as covered_until
    from window_supplies as supplies
    group by supplies.window_number
),

adherence as (
    select
        windows.person_id,
        windows.drug_class,
        windows.window_id,
        windows.first_on,
        windows.last_day - windows.first_day + 1 as counted_days,
        coalesce(covered.covered_days, 0) as covered_days,
        windows.days_supplied,
        greatest(
            coalesce(covered.longest_gap_before, 0),
            windows.last_day - coalesce(covered.covered_until, windows.first_day - 1)
        ) as longest_gap_days,
        coalesce(covered.n_gaps_before, 0) + case
            when windows.last_day > coalesce(covered.covered_until, windows.first_day - 1) then 1 else 0
        end as n_gaps
    from counted_windows as windows
    left join covered_windows as covered on windows.window_number = covered.window_number
)
{%- endmacro %}
