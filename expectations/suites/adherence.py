"""Medication adherence of persons: days covered fit into days observed, and the classes are not all alike."""

from expectations.suite import Suite, between

SUITES = (
    Suite(
        name="pdc_is_possible",
        asset=("marts", "medication_adherence"),
        description="PDC is a share; nobody is adherent without enough covered days.",
        sql="""
            select
                drug_class,
                min(value) as smallest_pdc,
                max(value) as largest_pdc,
                min(denominator) as fewest_days,
                max(denominator) as most_days
            from marts.medication_adherence
            where is_eligible
            group by drug_class
        """,
        expectations=(
            between("smallest_pdc", 0, 1),
            between("largest_pdc", 0, 1),
            between("fewest_days", 1),
            between("most_days", 1, 366),
        ),
    ),
    Suite(
        name="pdc_is_distributed",
        asset=("marts", "medication_adherence"),
        description="If nearly everybody is perfectly adherent, or nobody is, days' supply was read wrongly.",
        sql="""
            select
                drug_class,
                avg(value) as mean_pdc
            from marts.medication_adherence
            where is_eligible
            group by drug_class
            having count(*) >= 30
        """,
        expectations=(between("mean_pdc", 0.2, 0.995),),
        blocking=False,
    ),
)
