-- How right matching is for whom, where the truth is known: pairs of identities, by the EHR's words on the true person.
with judged as (
    select
        truth.true_person,
        truth.source_system,
        truth.source_record_id,
        -- an identity that is nobody is a person of its own
        coalesce(
            cast(crosswalk.person_id as varchar), truth.source_system || '/' || truth.source_record_id
        ) as found_person
    from {{ source('identity', 'truth') }} as truth
    left join {{ source('identity', 'person_crosswalk') }} as crosswalk
        on truth.source_system = crosswalk.source_system and truth.source_record_id = crosswalk.source_record_id
),

described as (
    select
        judged.true_person,
        min(patients.race) as race,
        min(patients.ethnicity) as ethnicity,
        min(patients.gender) as sex,
        min(patients.language) as language,
        min(case
            when patients.birth_date > night.as_of_date - interval 18 year then '0-17'
            when patients.birth_date > night.as_of_date - interval 40 year then '18-39'
            when patients.birth_date > night.as_of_date - interval 65 year then '40-64'
            when patients.birth_date is not null then '65+'
        end) as age_band
    from judged
    inner join {{ ref('stg_ehr__patients') }} as patients
        on judged.source_system = 'ehr' and judged.source_record_id = patients.patient_id
    cross join {{ ref('night') }} as night
    group by judged.true_person
),

agreed as (
    select
        judged.true_person,
        judged.found_person,
        count(*) as n,
        sum(count(*)) over (partition by judged.found_person) as n_found,
        sum(count(*)) over (partition by judged.true_person) as n_true
    from judged
    group by judged.true_person, judged.found_person
),

-- Pairs as they are seen from each identity of a true person: its partners that are right, found, and real.
people as (
    select
        agreed.true_person,
        sum(agreed.n * (agreed.n - 1)) as n_right,
        sum(agreed.n * (agreed.n_found - 1)) as n_found,
        sum(agreed.n * (agreed.n_true - 1)) as n_real
    from agreed
    group by agreed.true_person
),

grouped as (
    select
        'all' as attribute,
        'all' as group_value,
        people.n_right,
        people.n_found,
        people.n_real
    from people
    {% for attribute in ['race', 'ethnicity', 'sex', 'language', 'age_band'] %}
        union all
        select
            '{{ attribute }}' as attribute,
            coalesce(described.{{ attribute }}, 'unknown') as group_value,
            people.n_right,
            people.n_found,
            people.n_real
        from people
        inner join described on people.true_person = described.true_person
    {% endfor %}
),

summed as (
    select
        grouped.attribute,
        grouped.group_value,
        count(*) as n_people,
        cast(sum(grouped.n_right) as double) as n_right,
        cast(sum(grouped.n_found) as double) as n_found,
        cast(sum(grouped.n_real) as double) as n_real,
        cast(sum(grouped.n_right * grouped.n_right) as double) as right_right,
        cast(sum(grouped.n_right * grouped.n_real) as double) as right_real,
        cast(sum(grouped.n_real * grouped.n_real) as double) as real_real
    from grouped
    group by grouped.attribute, grouped.group_value
),

scored as (
    select
        summed.*,
        summed.n_right / nullif(summed.n_found, 0) as pair_precision,
        summed.n_right / nullif(summed.n_real, 0) as pair_recall,
        max(summed.n_right / nullif(summed.n_real, 0)) filter (where summed.attribute = 'all') over () as overall
    from summed
),

-- A person's pairs stand or fall together: the error of the recall is that of a ratio of sums over people.
uncertain as (
    select
        scored.*,
        sqrt(greatest(
            scored.right_right - 2 * scored.pair_recall * scored.right_real
            + scored.pair_recall * scored.pair_recall * scored.real_real,
            0
        ) * scored.n_people / nullif(scored.n_people - 1, 0)) / nullif(scored.n_real, 0) as recall_error
    from scored
)

select
    uncertain.attribute,
    uncertain.group_value,
    uncertain.n_people,
    uncertain.pair_precision,
    uncertain.pair_recall,
    uncertain.overall - uncertain.pair_recall as recall_gap,
    uncertain.overall - uncertain.pair_recall - 1.96 * uncertain.recall_error as recall_gap_low,
    uncertain.overall - uncertain.pair_recall + 1.96 * uncertain.recall_error as recall_gap_high
from uncertain
