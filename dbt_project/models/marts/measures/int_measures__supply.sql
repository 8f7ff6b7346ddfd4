-- Runs of days covered over a person's whole history of a drug class: supply carries over every boundary (AdhereR's
-- CMA7 reading). Used for windows that open within therapy and for persistence.
with fills as (
    select fills.*
    from {{ ref('int_measures__fills') }} as fills
    where fills.days_supply is not null and fills.drug_class <> 'unknown'
),

{{ covered_runs('fills') }}

select
    covered_runs.person_id,
    covered_runs.drug_class,
    covered_runs.run_number,
    covered_runs.first_day,
    covered_runs.last_day
from covered_runs
