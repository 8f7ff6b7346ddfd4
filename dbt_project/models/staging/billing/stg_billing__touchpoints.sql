-- What billing records say happened, one row per happening. `revenue_impact` stands only where money moved, so that its
-- sum is what came in. X12 dates have no time of day: such a touchpoint stands at the start of its local day with
-- precision `day`; event_seq keeps the order within a day.
{%- set sources = {
    'claims': ('stg_billing__claims', 'claim_id'),
    'remits': ('stg_billing__remits', 'remit_id'),
    'statement': ('stg_billing__statements', 'statement_id'),
    'payment': ('stg_billing__payments', 'payment_id'),
    'plan': ('stg_billing__plans', 'plan_id'),
} %}
with records as (
    {%- for table, (model, key) in sources.items() %}
        select
            '{{ table }}' as source_table,
            {{ key }} as source_record_id,
            patient_control_number,
            encounter_id,
            department_id,
            source_system,
            recorded_at,
            ingested_at,
            batch_id
        from {{ ref(model) }}
        {{ 'union all' if not loop.last }}
    {%- endfor %}
),

happenings as (
    select
        'claims' as source_table,
        claim_id as source_record_id,
        'billed_claim' as activity,
        1 as event_seq,
        {{ start_of_local_day('submitted_on') }} as ts,
        'day' as ts_precision,
        case when frequency_code = '8' then 'cancel' else 'complete' end as lifecycle,
        cast(null as varchar) as outcome,
        cast(null as varchar) as channel,
        cast(null as decimal(18, 2)) as revenue_impact,
        {{ json_record({
            'charge_amount': 'charge_amount', 'claim_type': 'claim_type', 'payer': 'payer_name'
        }) }} as features
    from {{ ref('stg_billing__claims') }}

    union all

    -- A reversal takes back what an earlier remit paid.
    select
        'remits' as source_table,
        remit_id as source_record_id,
        'adjudicated_claim' as activity,
        2 as event_seq,
        {{ start_of_local_day('adjudicated_on') }} as ts,
        'day' as ts_precision,
        case when is_reversal then 'cancel' else 'complete' end as lifecycle,
        case when is_reversal then 'reversed' when is_denied then 'denied' else 'completed' end as outcome,
        null as channel,
        case when is_reversal then paid_amount end as revenue_impact,
        {{ json_record({
            'charge_amount': 'charge_amount',
            'contractual_amount': 'contractual_amount',
            'patient_responsibility_amount': 'patient_responsibility_amount',
            'payer': 'payer_name',
        }) }} as features
    from {{ ref('stg_billing__remits') }}

    union all

    select
        'remits' as source_table,
        remit_id as source_record_id,
        'denied_claim' as activity,
        3 as event_seq,
        {{ start_of_local_day('adjudicated_on') }} as ts,
        'day' as ts_precision,
        'fail' as lifecycle,
        'denied' as outcome,
        null as channel,
        null as revenue_impact,
        {{ json_record({
            'charge_amount': 'charge_amount', 'denial_reason_code': 'denial_reason_code', 'payer': 'payer_name'
        }) }} as features
    from {{ ref('stg_billing__remits') }}
    where is_denied

    union all

    select
        'remits' as source_table,
        remit_id as source_record_id,
        'paid_claim' as activity,
        4 as event_seq,
        {{ start_of_local_day('paid_on') }} as ts,
        'day' as ts_precision,
        'complete' as lifecycle,
        'completed' as outcome,
        null as channel,
        paid_amount as revenue_impact,
        {{ json_record({'charge_amount': 'charge_amount', 'payer': 'payer_name'}) }} as features
    from {{ ref('stg_billing__remits') }}
    where not is_reversal and paid_amount > 0

    union all

    select
        'statement' as source_table,
        statement_id as source_record_id,
        'sent_statement' as activity,
        5 as event_seq,
        sent_at as ts,
        'second' as ts_precision,
        'complete' as lifecycle,
        null as outcome,
        channel,
        null as revenue_impact,
        {{ json_record({'balance_amount': 'balance_amount', 'due_on': 'due_on'}) }} as features
    from {{ ref('stg_billing__statements') }}

    union all

    select
        'payment' as source_table,
        payment_id as source_record_id,
        'paid_bill' as activity,
        6 as event_seq,
        paid_at as ts,
        'second' as ts_precision,
        'complete' as lifecycle,
        'completed' as outcome,
        null as channel,
        amount as revenue_impact,
        {{ json_record({'method': 'method', 'statement_id': 'statement_id'}) }} as features
    from {{ ref('stg_billing__payments') }}

    union all

    select
        'plan' as source_table,
        plan_id as source_record_id,
        'agreed_payment_plan' as activity,
        7 as event_seq,
        agreed_at as ts,
        'second' as ts_precision,
        'complete' as lifecycle,
        case status when 'active' then null else status end as outcome,
        null as channel,
        null as revenue_impact,
        {{ json_record({
            'amount': 'amount', 'installments': 'installments', 'statement_id': 'statement_id'
        }) }} as features
    from {{ ref('stg_billing__plans') }}
)

select
    records.source_system,
    records.source_table,
    records.source_record_id,
    records.patient_control_number as identity_id,
    happenings.ts,
    happenings.ts_precision,
    happenings.event_seq,
    happenings.activity,
    happenings.lifecycle,
    case happenings.activity when 'sent_statement' then 'communication' else 'action' end as touchpoint_type,
    'billing' as stage,
    happenings.channel,
    case
        when happenings.activity = 'sent_statement' then 'outbound'
        when happenings.activity in ('paid_bill', 'agreed_payment_plan') then 'inbound'
    end as direction,
    case happenings.activity
        when 'paid_bill' then 'patient'
        when 'agreed_payment_plan' then 'patient'
        when 'billed_claim' then 'provider'
        when 'sent_statement' then 'provider'
        else 'system'
    end as initiator,
    records.department_id,
    records.encounter_id,
    records.patient_control_number as claim_id,
    happenings.outcome,
    coalesce(happenings.activity = 'denied_claim' or happenings.outcome = 'broken', false) as is_failed,
    happenings.revenue_impact,
    happenings.features,
    records.recorded_at,
    records.ingested_at,
    records.batch_id
from happenings
inner join records
    on
        happenings.source_table = records.source_table
        and happenings.source_record_id = records.source_record_id
