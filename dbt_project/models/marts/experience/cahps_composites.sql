-- Composites of CAHPS items: the mean of the items' top-box rates, cell by cell.
with items as (
    select distinct
        responses.instrument_version,
        responses.item_id,
        responses.composite_id
    from {{ ref('experience_responses') }} as responses
    where responses.composite_id is not null
),

rates as (
    select
        scores.*,
        items.composite_id
    from {{ ref('cahps_scores') }} as scores
    inner join items
        on scores.instrument_version = items.instrument_version and scores.item_id = items.item_id
    where scores.measure_id = 'CAHPS-TOP-BOX' and scores.denominator > 0
),

composites as (
    select
        rates.spec_version,
        rates.period_grain,
        rates.period_start,
        rates.period_end,
        rates.is_period_complete,
        rates.grouping_set,
        rates.instrument_version,
        rates.composite_id,
        {{ columns_of('rates', measure_dimensions()) | join(',\n        ') }},
        count(*) as n_items,
        min(rates.n_cases) as n_cases,
        {{ exact_mean('rates.numerator / rates.denominator') }} as mean_rate
    from rates
    group by all
)

select
    'CAHPS-COMPOSITE' as measure_id,
    composites.spec_version,
    composites.period_grain,
    composites.period_start,
    composites.period_end,
    composites.is_period_complete,
    composites.grouping_set,
    composites.instrument_version,
    composites.composite_id,
    {{ columns_of('composites', measure_dimensions()) | join(',\n    ') }},
    composites.n_items,
    composites.n_cases,
    case when not {{ is_suppressed('composites.n_cases') }} then composites.mean_rate end as value,
    {{ is_suppressed('composites.n_cases') }} as suppressed,
    {{ suppression_reason('composites.n_cases') }} as suppression_reason
from composites
