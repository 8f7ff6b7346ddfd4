"""The EHR as staged: clinical records belong to patients and happen in possible times.

Shares, not single records: one odd record is a matter of rules and rejects, a share of them of the feed.
"""

from expectations.suite import Suite, between

#: staging model, its own time, and whether that time may lie in the future (a booked appointment does)
_TIMED = (
    ("encounters", "started_at", False),
    ("appointments", "start_at", True),
    ("conditions", "onset_at", False),
    ("observations", "effective_at", False),
    ("procedures", "performed_start_at", False),
    ("medication_requests", "authored_at", False),
    ("medication_dispenses", "handed_over_at", False),
    ("service_requests", "authored_at", False),
    ("communications", "sent_at", False),
)


def _structure(entity: str, time: str) -> str:
    return f"""
        select
            '{entity}' as entity,
            avg((patient_id is null)::integer) as share_without_patient,
            avg((coalesce({time}, timestamp '2000-01-01') < timestamp '1900-01-01')::integer) as share_before_1900
        from staging.stg_ehr__{entity}
        having count(*) >= 30
    """


def _context(entity: str, time: str, may_be_future: bool) -> str:
    latest = "interval 3 year" if may_be_future else "interval 1 day"
    return f"""
        select
            '{entity}' as entity,
            avg((patients.patient_id is null and records.patient_id is not null)::integer) as share_of_unknown_patients,
            avg((coalesce(records.{time}, night.as_of) > night.as_of + {latest})::integer) as share_in_the_future
        from staging.stg_ehr__{entity} as records
        cross join staging.night as night
        left join staging.stg_ehr__patients as patients on records.patient_id = patients.patient_id
    """


SUITES = (
    Suite(
        name="raw_ehr",
        asset=("staging", "stg_ehr__encounters"),
        description="Clinical records name a patient and no time before 1900: else a mapping lost an element.",
        sql=" union all ".join(_structure(entity, time) for entity, time, _ in _TIMED),
        expectations=(between("share_without_patient", 0, 0.5), between("share_before_1900", 0, 0.05)),
    ),
    Suite(
        name="raw_ehr_context",
        asset=("staging", "stg_ehr__encounters"),
        description="Patients of clinical records were delivered, too; records lie before the night.",
        sql=" union all ".join(_context(*timed) for timed in _TIMED),
        expectations=(between("share_of_unknown_patients", 0, 0.05), between("share_in_the_future", 0, 0.01)),
        blocking=False,
    ),
    Suite(
        name="raw_ehr_intervals",
        asset=("staging", "stg_ehr__encounters"),
        description="Encounters end after they start and, but for a few, within a year.",
        sql="""
            select
                class_code,
                avg((ended_at < started_at)::integer) as share_ending_early,
                avg((ended_at > started_at + interval 1 year)::integer) as share_over_a_year
            from staging.stg_ehr__encounters
            where started_at is not null and ended_at is not null
            group by class_code
        """,
        expectations=(between("share_ending_early", 0, 0), between("share_over_a_year", 0, 0.05)),
        blocking=False,
    ),
)
