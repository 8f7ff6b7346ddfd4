-- Runs of days covered within each calendar year, supply from before the year's index date left out (PQA; the other
-- reading, with carry-in, is int_measures__supply).
with fills as (
    select
        fills.*,
        cast(date_trunc('year', fills.filled_on) as date) as year_start
    from {{ ref('int_measures__fills') }} as fills
    where fills.days_supply is not null and fills.drug_class <> 'unknown'
),

{{ covered_runs('fills', ['year_start']) }}

select
    covered_runs.person_id,
    covered_runs.drug_class,
    covered_runs.year_start,
    covered_runs.run_number,
    covered_runs.first_day,
    covered_runs.last_day
from covered_runs
