-- One row per person, drug class and calendar year with a fill: PDC, MPR and gaps.
with therapy as (
    select
        years.*,
        {{ days_between("date '1970-01-01'", 'years.treatment_start') }} as start_number,
        {{ days_between("date '1970-01-01'", 'years.treatment_end') }} as end_number
    from {{ ref('int_measures__therapy_years') }} as years
),

stay_days as (
    select
        therapy.person_id,
        therapy.drug_class,
        therapy.year_start,
        sum({{ stay_days_before('stays', 'therapy.treatment_start') }}) as before_start,
        sum({{ stay_days_before('stays', add_days('therapy.treatment_end', '1')) }}) as through_end
    from therapy
    inner join {{ ref('int_measures__inpatient_stays') }} as stays on therapy.person_id = stays.person_id
    where {{ measure_parameter('pdc_adjust_inpatient') }}
    group by therapy.person_id, therapy.drug_class, therapy.year_start
),

windows as (
    -- The treatment period on the ambulatory calendar; its length is treatment days without stay days.
    select
        therapy.*,
        therapy.start_number - coalesce(stay_days.before_start, 0) as first_day,
        therapy.end_number - coalesce(stay_days.through_end, 0) as last_day
    from therapy
    left join stay_days
        on
            therapy.person_id = stay_days.person_id
            and therapy.drug_class = stay_days.drug_class
            and therapy.year_start = stay_days.year_start
),

runs as (
    select
        windows.person_id,
        windows.drug_class,
        windows.year_start,
        least(supply.last_day, windows.last_day) - greatest(supply.first_day, windows.first_day) + 1 as covered_days,
        coalesce(
            lead(supply.first_day) over (
                partition by windows.person_id, windows.drug_class, windows.year_start
                order by supply.run_number
            ),
            windows.last_day + 1
        ) - supply.last_day - 1 as gap_days
    from windows
    inner join {{ ref('int_measures__supply_years') }} as supply
        on
            windows.person_id = supply.person_id
            and windows.drug_class = supply.drug_class
            and windows.year_start = supply.year_start
    where supply.first_day <= windows.last_day
),

covered as (
    select
        runs.person_id,
        runs.drug_class,
        runs.year_start,
        sum(runs.covered_days) as covered_days,
        max(greatest(runs.gap_days, 0)) as longest_gap_days,
        sum(case when runs.gap_days > 0 then 1 else 0 end) as n_gaps
    from runs
    group by runs.person_id, runs.drug_class, runs.year_start
),

supplied as (
    -- Days supplied, a combination product once.
    select
        doses.person_id,
        doses.drug_class,
        doses.year_start,
        sum(doses.days_supply) as days_supplied
    from (
        select distinct
            fills.person_id,
            fills.drug_class,
            cast(date_trunc('year', fills.filled_on) as date) as year_start,
            fills.filled_on,
            fills.fill_id,
            fills.days_supply
        from {{ ref('int_measures__fills') }} as fills
    ) as doses
    inner join therapy
        on
            doses.person_id = therapy.person_id
            and doses.drug_class = therapy.drug_class
            and doses.year_start = therapy.year_start
            and doses.filled_on <= therapy.treatment_end
    group by doses.person_id, doses.drug_class, doses.year_start
),

measured as (
    select
        windows.*,
        coalesce(covered.covered_days, 0) as covered_days,
        windows.last_day - windows.first_day + 1 as adherence_days,
        covered.longest_gap_days,
        coalesce(covered.n_gaps, 0) as n_gaps,
        supplied.days_supplied
    from windows
    left join covered
        on
            windows.person_id = covered.person_id
            and windows.drug_class = covered.drug_class
            and windows.year_start = covered.year_start
    left join supplied
        on
            windows.person_id = supplied.person_id
            and windows.drug_class = supplied.drug_class
            and windows.year_start = supplied.year_start
),

valued as (
    select
        measured.*,
        case
            when measured.ineligible_reason = 'no_days_supply' then null
            else measured.covered_days / cast(nullif(measured.adherence_days, 0) as double)
        end as pdc
    from measured
)

select
    'PDC' as measure_id,
    {{ measure_parameter('spec_version') }} as spec_version,
    valued.year_start as period_start,
    valued.year_end as period_end,
    valued.year_end <= night.as_of_date as is_period_complete,
    valued.person_id,
    valued.drug_class,
    valued.treatment_start,
    valued.treatment_end,
    cast(valued.treatment_days as integer) as treatment_days,
    cast(valued.n_fills as integer) as n_fills,
    cast(valued.n_fill_dates as integer) as n_fill_dates,
    cast(valued.covered_days as integer) as numerator,
    cast(valued.adherence_days as integer) as denominator,
    cast(case when valued.ineligible_reason is null then 0 else 1 end as integer) as excluded_n,
    cast(valued.n_fills_without_days as integer) as missing_n,
    valued.pdc as value,
    valued.ineligible_reason is null as is_eligible,
    valued.ineligible_reason,
    case
        -- In whole days against the exact decimal: 292 of 365 is adherent.
        when valued.ineligible_reason is null then valued.covered_days >= valued.adherence_days * case valued.drug_class
            when 'antiretrovirals' then {{ measure_parameter('pdc_adherent_antiretroviral') }}
            else {{ measure_parameter('pdc_adherent') }}
        end
    end as is_adherent,
    valued.days_supplied / cast(valued.treatment_days as double) as mpr,
    cast(valued.longest_gap_days as integer) as longest_gap_days,
    cast(valued.n_gaps as integer) as n_gaps
from valued
cross join {{ ref('night') }} as night
