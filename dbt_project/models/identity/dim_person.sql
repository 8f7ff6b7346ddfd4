{{ config(schema='marts') }}

with identities as (
    select
        crosswalk.person_id,
        records.source_system,
        records.source_record_id,
        records.birth_date,
        records.sex,
        records.zip,
        records.valid_from,
        row_number() over (
            partition by crosswalk.person_id
            order by records.valid_from nulls first, records.source_system, records.source_record_id
        ) as newness
    from {{ source('identity', 'person_crosswalk') }} as crosswalk
    inner join {{ ref('identity_records') }} as records
        on
            crosswalk.source_system = records.source_system
            and crosswalk.source_record_id = records.source_record_id
),

patients as (
    select
        identities.person_id,
        patients.birth_date,
        patients.gender,
        patients.race,
        patients.ethnicity,
        patients.language,
        patients.postal_code,
        patients.is_deceased,
        {{ local_time('patients.deceased_at') }} as deceased_local_at,
        -- a record that another one replaced speaks last, the newest speaks first
        row_number() over (
            partition by identities.person_id
            order by
                patients.replaced_by_patient_id is null,
                patients.recorded_at nulls first,
                patients.patient_id
        ) as newness
    from identities
    inner join {{ ref('stg_ehr__patients') }} as patients
        on identities.source_system = 'ehr' and identities.source_record_id = patients.patient_id
),

by_ehr as (
    select
        patients.person_id,
        max_by(patients.birth_date, patients.newness) as birth_date,
        max_by(patients.gender, patients.newness) as sex,
        max_by(patients.race, patients.newness) as race,
        max_by(patients.ethnicity, patients.newness) as ethnicity,
        max_by(patients.language, patients.newness) as language,
        max_by(patients.postal_code, patients.newness) as postal_code,
        bool_or(coalesce(patients.is_deceased, false) or patients.deceased_local_at is not null) as is_deceased,
        cast(max_by(patients.deceased_local_at, patients.newness) as date) as deceased_on
    from patients
    group by patients.person_id
),

by_identity as (
    select
        identities.person_id,
        max_by(identities.birth_date, identities.newness) as birth_date,
        max_by(identities.sex, identities.newness) as sex,
        max_by(identities.zip, identities.newness) as zip,
        min(identities.valid_from) as first_seen_at,
        count(*) as n_source_identities,
        bool_or(identities.source_system = 'ehr') as has_ehr
    from identities
    group by identities.person_id
),

persons as (
    select
        by_identity.person_id,
        by_ehr.race,
        by_ehr.ethnicity,
        by_ehr.language,
        by_ehr.deceased_on,
        by_identity.first_seen_at,
        by_identity.n_source_identities,
        by_identity.has_ehr,
        coalesce(by_ehr.birth_date, by_identity.birth_date) as birth_date,
        coalesce(by_ehr.sex, by_identity.sex) as sex,
        left(coalesce(by_ehr.postal_code, by_identity.zip), 5) as postal_code,
        coalesce(by_ehr.is_deceased, false) as is_deceased
    from by_identity
    left join by_ehr on by_identity.person_id = by_ehr.person_id
)

select
    persons.person_id,
    cast(extract(year from persons.birth_date) as integer) as birth_year,
    persons.birth_date,
    case
        when extract(year from persons.birth_date) <= 1945 then 'Silent'
        when extract(year from persons.birth_date) <= 1964 then 'Boomer'
        when extract(year from persons.birth_date) <= 1980 then 'Gen X'
        when extract(year from persons.birth_date) <= 1996 then 'Millennial'
        when extract(year from persons.birth_date) <= 2012 then 'Gen Z'
        when extract(year from persons.birth_date) > 2012 then 'Gen Alpha'
    end as generation,
    persons.sex,
    persons.race,
    persons.ethnicity,
    persons.language,
    left(persons.postal_code, 3) as zip3,
    persons.postal_code,
    persons.is_deceased,
    persons.deceased_on,
    persons.first_seen_at,
    persons.n_source_identities,
    persons.has_ehr
from persons
