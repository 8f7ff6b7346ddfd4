-- Losses counted and priced by orchestration.statistics.
select
    revenue_at_risk.spec_version,
    revenue_at_risk.component,
    revenue_at_risk.period_start,
    revenue_at_risk.period_end,
    revenue_at_risk.department_id,
    revenue_at_risk.n_events,
    revenue_at_risk.n_recovered,
    revenue_at_risk.n_open,
    revenue_at_risk.n_lost,
    revenue_at_risk.n_priced,
    revenue_at_risk.amount,
    revenue_at_risk.ci_low,
    revenue_at_risk.ci_high,
    revenue_at_risk.suppressed,
    revenue_at_risk.status,
    revenue_at_risk.reason,
    revenue_at_risk.method
from {{ source('statistics', 'revenue_at_risk') }} as revenue_at_risk
