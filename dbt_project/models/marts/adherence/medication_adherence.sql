-- One row per person, drug class and calendar year with a fill: PDC, MPR and gaps.
with windows as (
    select
        years.person_id,
        years.drug_class,
        years.year_start as window_id,
        years.treatment_start as window_start,
        years.treatment_end as window_end
    from {{ ref('int_measures__therapy_years') }} as years
    where years.ineligible_reason is distinct from 'no_days_supply'
),

{{ adherence_in_windows('windows', carry_in=measure_parameter('pdc_carry_in') == 'true') }},

valued as (
    select
        years.*,
        coalesce(adherence.covered_days, 0) as covered_days,
        coalesce(adherence.counted_days, years.treatment_days) as adherence_days,
        adherence.covered_days / cast(nullif(adherence.counted_days, 0) as double) as pdc,
        adherence.days_supplied,
        adherence.longest_gap_days,
        coalesce(adherence.n_gaps, 0) as n_gaps
    from {{ ref('int_measures__therapy_years') }} as years
    left join adherence
        on
            years.person_id = adherence.person_id
            and years.drug_class = adherence.drug_class
            and years.year_start = adherence.window_id
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
