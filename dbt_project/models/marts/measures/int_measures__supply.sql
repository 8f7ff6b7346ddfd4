-- Runs of days covered over a person's whole history of a drug class: supply carries over every boundary (AdhereR's
-- CMA7 reading). Used for windows that open within therapy and for persistence. `covered_until` is the end of the run
-- before.
with fills as (
    select fills.*
    from {{ ref('int_measures__fills') }} as fills
    where fills.days_supply is not null and fills.class_number > 0
),

{{ drug_classes() }},

{{ shifted_supplies('fills', ['person_id', 'class_number']) }},

run_starts as (
    select
        supplied.*,
        sum(case when supplied.first_day <= supplied.covered_until + 1 then 0 else 1 end) over (
            partition by supplied.person_id, supplied.class_number
            order by supplied.first_day, supplied.covered_until nulls first
            rows between unbounded preceding and current row
        ) as run_number
    from supplied
),

runs as (
    select
        run_starts.person_id,
        run_starts.class_number,
        run_starts.run_number,
        min(run_starts.first_day) as first_day,
        max(run_starts.last_day) as last_day
    from run_starts
    group by run_starts.person_id, run_starts.class_number, run_starts.run_number
)

select
    runs.person_id,
    drug_classes.drug_class,
    runs.run_number,
    runs.first_day,
    runs.last_day,
    lag(runs.last_day) over (
        partition by runs.person_id, runs.class_number order by runs.run_number
    ) as covered_until
from runs
inner join drug_classes on runs.class_number = drug_classes.class_number
