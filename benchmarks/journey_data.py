"""A large hospital as Parquet: what the journey and adherence models read, made by SQL and the same in every run.

Belongs here: people, visits and fills at any number. Does not belong: measuring (bench_journeys.py) or anything that a
test asserts (the sample hospital of orchestration/sample tells true stories; this one only has their shapes and sizes).
"""

from __future__ import annotations

from pathlib import Path

import duckdb

#: Touchpoints of one visit: source, activity, hours from the visit, stage, channel, whose move, ids that it names.
VISIT = [
    ("call_center", "called", -336.5, "scheduling", "phone", "patient", "call"),
    ("call_center", "answered_call", -336.4, "scheduling", "phone", "provider", "call"),
    ("ehr", "booked_appointment", -336, "scheduling", "phone", "patient", "appointment"),
    ("call_center", "resolved_call", -335.9, "scheduling", "phone", "provider", "call"),
    ("ehr", "reminded_appointment", -48, "pre_visit", "sms", "system", "appointment"),
    ("ehr", "arrived", 0, "arrival", "in_person", "patient", "encounter"),
    ("ehr", "roomed", 0.3, "encounter", "in_person", "provider", "encounter"),
    ("ehr", "seen", 0.5, "encounter", "in_person", "provider", "encounter"),
    ("ehr", "departed", 1.2, "encounter", "in_person", "patient", "encounter"),
    ("ehr", "prescribed_medication", 1, "follow_up", "in_person", "provider", "encounter prescription"),
    ("ehr", "filled_medication", 50, "follow_up", "in_person", "patient", "prescription"),
    ("surveys", "sent_survey", 24, "follow_up", "email", "system", "encounter survey"),
    ("surveys", "answered_survey", 40, "follow_up", "email", "patient", "encounter survey"),
    ("portal", "logged_in", 30, "follow_up", "portal", "patient", ""),
    ("portal", "viewed_result", 30.1, "follow_up", "portal", "patient", ""),
    ("ehr", "sent_message", 60, "follow_up", "portal", "patient", "thread"),
    ("ehr", "replied_message", 70, "follow_up", "portal", "provider", "thread"),
    ("billing", "billed_claim", 72, "billing", "mail", "system", "encounter claim"),
    ("billing", "adjudicated_claim", 480, "billing", "mail", "system", "claim"),
    ("billing", "sent_statement", 500, "billing", "mail", "system", "claim"),
    ("portal", "logged_in", 600, "billing", "portal", "patient", ""),
    ("portal", "viewed_bill", 600.1, "billing", "portal", "patient", ""),
    ("billing", "paid_bill", 700, "billing", "portal", "patient", "claim"),
]
SOURCES = ("ehr", "portal", "call_center", "billing", "surveys")
IDS = ("encounter", "appointment", "call", "thread", "claim", "survey", "referral", "prescription")
#: Upstream tables made from visits: relation -> query over `visits` (v, person_id, visited_at, department).
UPSTREAM = {
    "staging.night": "select timestamp '2025-12-31 12:00' as as_of, date '2025-12-31' as as_of_date",
    "staging.stg_portal__visitors": "select '' as anonymous_id, '' as user_id where false",
    "staging.stg_portal__events": (
        "select '' as message_id, '' as statement_id, '' as communication_id, '' as result_id where false"
    ),
    "staging.stg_ehr__observations": "select '' as observation_id, '' as encounter_id where false",
    "staging.stg_ehr__encounters": (
        "select 'encounter' || v as encounter_id, 'ehr' || person_id as patient_id, 'finished' as status, "
        "case when v % 20 = 0 then 'EMER' else 'AMB' end as class_code, visited_at as started_at, "
        "visited_at + interval 80 minute as ended_at, 'q' || v % 500 as practitioner_id, department as department_id, "
        "'l' || v % 40 as location_id, 'appointment' || v as appointment_id, 'r' || v % 300 as reason_code, "
        "'http://snomed.info/sct' as type_system, '185349003' as type_code from visits"
    ),
    "staging.stg_ehr__appointments": (
        "select 'appointment' || v as appointment_id, 'q' || v % 500 as practitioner_id, department as department_id, "
        "'l' || v % 40 as location_id from visits"
    ),
    "staging.stg_ehr__conditions": (
        "select 'encounter' || v as encounter_id, 'ehr' || person_id as patient_id, 'http://snomed.info/sct' as "
        "code_system, 'c' || v % 200 as code, visited_at as onset_at, visited_at::date as recorded_on "
        "from visits where v % 2 = 0"
    ),
    "staging.stg_call_center__contacts": (
        "select 'call' || v as contact_id, 'call' || v as initial_contact_id, 'reason' || v % 5 as reason, "
        "visited_at - interval 336 hour as initiated_at, visited_at - interval 335 hour as disconnected_at from visits"
    ),
    "staging.stg_billing__remits": (
        "select 'remit' || v as remit_id, 'claim' || v as patient_control_number, 50::decimal(18, 2) as "
        "patient_responsibility_amount, v % 10 = 0 as is_denied, false as is_reversal, "
        "(visited_at + interval 20 day)::date as adjudicated_on, visited_at + interval 20 day as recorded_at "
        "from visits"
    ),
    "staging.stg_billing__statements": (
        "select 'statement' || v as statement_id, 'claim' || v as patient_control_number from visits"
    ),
    "staging.stg_billing__payments": (
        "select 'payment' || v as payment_id, 'statement' || v as statement_id, "
        "'claim' || v as patient_control_number, 50::decimal(18, 2) as amount, "
        "visited_at + interval 700 hour as paid_at from visits"
    ),
    "staging.stg_surveys__answers": (
        "select 'surveys-12-' || v as response_id, 'nps' as metric, (v % 11)::double as score, 0::double as scale_min, "
        "10::double as scale_max, 'higher_is_better' as scale_direction from visits"
    ),
    "marts.dim_department": (
        "select 'd' || range as department_id, 'Department ' || range as department_name, 'f' as facility_id, "
        "'Facility' as facility_name, 's' || range % 4 as sub_sector, 'line' || range % 12 as service_line "
        "from range(40)"
    ),
    "marts.dim_person": (
        "select range as person_id, ['Gen Z', 'Millennial', 'Gen X', 'Boomer', 'Silent'][1 + range % 5] as generation, "
        "case when range % 97 = 0 then date '2025-10-01' end as deceased_on, "
        "date '1940-01-01' + (range % 25000)::integer as birth_date from range({people})"
    ),
}
SEEDS = ("journey_plans", "acceptable_waits", "drug_products", "adherence_exclusions")


def write_hospital(folder: Path, seeds: Path, people: int, touchpoints: int, fills: int = 0) -> dict[str, Path]:
    """Write every upstream relation as one Parquet file; returns relation -> file.

    Args:
        folder: where the files go.
        seeds: the dbt project's seeds, which the models read too.
        people: persons; visits are spread over them unevenly, as in life.
        touchpoints: about how many; each visit has 23.
        fills: dispenses of medication (30 products, 7 to 90 days), in one and a quarter years.
    """
    folder.mkdir(parents=True, exist_ok=True)
    visits = touchpoints // len(VISIT)
    with duckdb.connect(config={"threads": 2, "memory_limit": "4GB", "temp_directory": str(folder / "spill")}) as made:
        made.execute("set preserve_insertion_order = false")
        made.execute(f"create view seed_products as select * from read_csv('{seeds / 'drug_products.csv'}')")
        # The square of an even draw: some have many visits, many have few.
        made.execute(
            "create table visits as select range as v, (((hash(range) % 1000000) / 1e6) ** 2 * $people)::bigint as "
            "person_id, timestamp '2024-01-01 13:00' + to_seconds((hash(range * 7) % 60480000)::bigint) as visited_at, "
            f"'d' || hash(range * 3) % 40 as department from range({visits})",
            {"people": people},
        )
        relations = {name: query.format(people=people) for name, query in UPSTREAM.items()}
        relations |= {f"staging.stg_{source}__touchpoints": _touchpoints(source) for source in SOURCES}
        relations |= {f"seeds.{name}": f"select * from read_csv('{seeds / name}.csv')" for name in SEEDS}
        relations |= _medication(people, fills)
        relations["exchange.person_crosswalk"] = " union all ".join(
            f"select '{source}' as source_system, '{source}' || range as source_record_id, range as person_id, "
            f"0.99::double as match_confidence from range({people})"
            for source in SOURCES
        )
        files = {name: folder / f"{name.removeprefix('exchange.')}.parquet" for name in relations}
        for name, query in relations.items():
            made.execute(f"copy ({query}) to '{files[name]}' (format parquet)")
    return files


def _touchpoints(source: str) -> str:
    """One source's touchpoints of all visits."""
    told = []
    for number, (system, activity, hours, stage, channel, initiator, ids) in enumerate(VISIT):
        if system != source:
            continue
        named = ids.split() + (["appointment"] if "encounter" in ids.split() and system == "ehr" else [])
        columns = [
            f"'{source}' as source_system, 'record' as source_table, '{source}-{number}-' || v as source_record_id",
            f"'{source}' || person_id as identity_id, null::varchar as anonymous_id",
            f"visited_at + to_seconds({int(hours * 3600)} + (hash(v + {number}) % 600)::integer) as ts",
            "null::timestamp as ts_end",
            f"{number}::integer as event_seq, '{activity}' as activity, '{stage}' as stage, '{channel}' as channel",
            f"'{initiator}' as initiator, department as department_id",
            *(f"{repr(name) + ' || v' if name in named else 'null::varchar'} as {name}_id" for name in IDS),
            f"{'visited_at' if 'appointment' in activity else 'null::timestamp'} as planned_ts",
            f"{'(hash(v) % 5000)::bigint' if activity in ('roomed', 'seen') else 'null::bigint'} as wait_seconds",
            "null::varchar as outcome, false as is_failed",
        ]
        told.append(f"select {', '.join(columns)} from visits")
    return " union all ".join(told)


def _medication(people: int, fills: int) -> dict[str, str]:
    """Dispenses of the products that the project knows, and what else the adherence models read."""
    products = "(select list(distinct product_code::varchar) from seed_products)"
    return {
        "measures.int_measures__patients": (
            f"select 'ehr' || range as patient_id, range as person_id from range({people})"
        ),
        "measures.int_measures__people": (
            f"select range as person_id, date '1940-01-01' + (range % 22000)::integer as birth_date, null::date as "
            f"disenrolled_on, case when range % 97 = 0 then date '2025-10-01' end as deceased_on from range({people})"
        ),
        "measures.int_measures__inpatient_stays": (
            "select person_id, visited_at::date as first_on, visited_at::date + 4 as last_on from "
            "(select person_id, min(visited_at) as visited_at from visits where v % 25 = 0 group by person_id)"
        ),
        "staging.stg_ehr__medication_dispenses": (
            f"select 'dispense' || range as medication_dispense_id, 'ehr' || (pair % {people}) as patient_id, "
            "'completed' as status, codes[1 + (pair * 7) % len(codes)] as medication_code, "
            "null::timestamp as prepared_at, "
            "timestamp '2024-10-01 17:00' + to_days((hash(range * 5) % 457)::integer) as handed_over_at, "
            "[7, 14, 30, 30, 30, 60, 90][1 + (hash(range * 9) % 7)::integer]::double as days_supply from "
            f"(select range, (hash(range) % (5 * {people} // 3))::bigint as pair, {products} as codes "
            f"from range({fills}))"
        ),
        "staging.stg_ehr__medication_requests": (
            "select '' as medication_request_id, '' as patient_id, '' as status, '' as intent, '' as medication_code, "
            "null::timestamp as starts_at, 1::double as total_days_supply where false"
        ),
        "staging.stg_ehr__pharmacy_claims": (
            "select '' as explanation_of_benefit_id, '' as patient_id, '' as status, '' as medication_code, "
            "null::date as filled_on, 1::double as days_supply where false"
        ),
        "staging.stg_ehr__procedures": (
            "select '' as patient_id, '' as code_system, '' as code, null::timestamp as performed_start_at where false"
        ),
    }
