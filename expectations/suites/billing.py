"""Claims, remits, statements and payments as staged: amounts that can be true."""

from expectations.suite import Suite, between

_LARGEST = 10_000_000

SUITES = (
    Suite(
        name="raw_billing",
        asset=("staging", "stg_billing__remits"),
        description="No negative charges, no payer pays more than was charged, no amount beyond ten million.",
        sql="""
            select
                'claim' as entity,
                min(charge_amount) as smallest_amount,
                max(charge_amount) as largest_amount,
                0.0 as share_paid_over_charge
            from staging.stg_billing__claims
            union all
            select
                'remit' as entity,
                min(patient_responsibility_amount) as smallest_amount,
                max(charge_amount) as largest_amount,
                avg((paid_amount > charge_amount and charge_amount > 0)::integer) as share_paid_over_charge
            from staging.stg_billing__remits
            union all
            select
                'statement' as entity,
                min(balance_amount) as smallest_amount,
                max(balance_amount) as largest_amount,
                0.0 as share_paid_over_charge
            from staging.stg_billing__statements
        """,
        expectations=(
            between("smallest_amount", 0),
            between("largest_amount", 0, _LARGEST),
            between("share_paid_over_charge", 0, 0.02),
        ),
        blocking=False,
    ),
    Suite(
        name="billing_joins_claims",
        asset=("staging", "stg_billing__remits"),
        description="Remits find their claims: if most do not, account numbers changed shape in one of the feeds.",
        sql="""
            select avg((claims.patient_control_number is null)::integer) as share_without_claim
            from staging.stg_billing__remits as remits
            left join (
                select distinct patient_control_number
                from staging.stg_billing__claims
            ) as claims on remits.patient_control_number = claims.patient_control_number
            where exists (select 1 from staging.stg_billing__claims)
        """,
        expectations=(between("share_without_claim", 0, 0.5),),
        blocking=False,
    ),
)
