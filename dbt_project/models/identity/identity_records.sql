{{ config(
    tags=['identity'],
    meta={'exchange_order': 'source_system, source_record_id'},
) }}

-- One row per source identity. Several statements about one (identify events, claims of one account) are joined field
-- by field: the newest statement that has the field wins, so a later event without a phone does not lose the phone.
with statements as (
    select
        staged.source as source_system,
        raw.identity_id as source_record_id,
        raw.mrn_system,
        raw.mrn_verified,
        raw.suffix,
        raw.sex,
        raw.member_system,
        raw.dependent_code,
        raw.guarantor_id,
        raw.links_to,
        trim(raw.mrn) as mrn,
        lower(trim(raw.given)) as given,
        lower(trim(raw.given_alts)) as given_alts,
        lower(trim(raw.family)) as family,
        trim(raw.birth_date) as birth_text,
        trim(raw.phone) as phone,
        regexp_replace(raw.phone, '^\+?1?(\d{10})$', '\1') as phone_digits,
        lower(trim(raw.email)) as email,
        lower(trim(raw.address)) as address,
        left(trim(raw.zip), 5) as zip,
        right(trim(raw.ssn4), 4) as ssn4,
        upper(trim(raw.member_id)) as member_id,
        upper(trim(raw.subscriber_id)) as subscriber_id,
        coalesce(raw.valid_from, staged.version_at) as valid_from,
        row_number() over (
            partition by staged.source, raw.identity_id
            order by coalesce(staged.version_at, raw.valid_from) nulls first, raw.file_id, raw.line
        ) as statement_order
    from {{ source('identity', 'statements') }} as raw
    inner join {{ ref('stg_lake__staged') }} as staged
        on raw.file_id = staged.file_id and raw.line = staged.line
    where raw.identity_id is not null
),

usable as (
    select
        statements.source_system,
        statements.source_record_id,
        statements.statement_order,
        statements.mrn_system,
        {{ without_placeholders('lower(statements.mrn)', 'mrn') }} is not null as has_mrn,
        statements.mrn,
        statements.mrn_verified,
        {{ without_placeholders('statements.given', 'given') }} as given,
        nullif(statements.given_alts, '') as given_alts,
        {{ without_placeholders('statements.family', 'family') }} as family,
        nullif(lower(trim(statements.suffix)), '') as suffix,
        nullif(statements.birth_text, '') as birth_text,
        nullif(lower(trim(statements.sex)), '') as sex,
        case
            when {{ without_placeholders('statements.phone_digits', 'phone') }} is not null then statements.phone
        end as phone,
        {{ without_placeholders('statements.email', 'email') }} as email,
        {{ without_placeholders('statements.address', 'address') }} as address,
        {{ without_placeholders('statements.zip', 'zip') }} as zip,
        {{ without_placeholders('statements.ssn4', 'ssn4') }} as ssn4,
        statements.member_system,
        {{ without_placeholders('lower(statements.member_id)', 'member_id') }} is not null as has_member,
        statements.member_id,
        statements.subscriber_id,
        nullif(statements.dependent_code, '') as dependent_code,
        statements.guarantor_id,
        statements.valid_from,
        statements.links_to
    from statements
),

-- An identifier travels with its assigning authority: the pair comes from one statement.
merged as (
    select
        usable.source_system,
        usable.source_record_id,
        max_by(usable.mrn_system, usable.statement_order) filter (where usable.has_mrn) as mrn_system,
        max_by(usable.mrn, usable.statement_order) filter (where usable.has_mrn) as mrn,
        coalesce(
            max_by(usable.mrn_verified, usable.statement_order) filter (where usable.has_mrn), false
        ) as mrn_verified,
        max_by(usable.given, usable.statement_order) as given,
        max_by(usable.given_alts, usable.statement_order) as given_alts,
        max_by(usable.family, usable.statement_order) as family,
        max_by(usable.suffix, usable.statement_order) as suffix,
        max_by(usable.birth_text, usable.statement_order) as birth_text,
        max_by(usable.sex, usable.statement_order) as sex,
        max_by(usable.phone, usable.statement_order) as phone,
        max_by(usable.email, usable.statement_order) as email,
        max_by(usable.address, usable.statement_order) as address,
        max_by(usable.zip, usable.statement_order) as zip,
        max_by(usable.ssn4, usable.statement_order) as ssn4,
        max_by(usable.member_system, usable.statement_order) filter (where usable.has_member) as member_system,
        max_by(usable.member_id, usable.statement_order) filter (where usable.has_member) as member_id,
        max_by(usable.subscriber_id, usable.statement_order) filter (where usable.has_member) as subscriber_id,
        max_by(usable.dependent_code, usable.statement_order) filter (where usable.has_member) as dependent_code,
        max_by(usable.guarantor_id, usable.statement_order) as guarantor_id,
        min(usable.valid_from) as valid_from,
        max_by(usable.links_to, usable.statement_order) as links_to
    from usable
    group by usable.source_system, usable.source_record_id
),

dated as (
    select
        merged.*,
        night.as_of_date,
        {{ parse_birth_date('merged.birth_text', 'night.as_of_date') }} as parsed_birth_date
    from merged
    cross join {{ ref('night') }} as night
),

judged as (
    select
        dated.*,
        case
            when dated.birth_text is null then 'missing'
            when dated.parsed_birth_date is null and regexp_full_match(dated.birth_text, '\d{4}(-\d{2})?')
                then 'partial'
            when dated.parsed_birth_date is null then 'invalid'
            when
                cast(dated.parsed_birth_date as varchar) in (
                    select placeholder.value from {{ ref('identity_placeholders') }} as placeholder
                    where placeholder.field = 'birth_date'
                )
                then 'placeholder'
            when dated.parsed_birth_date > dated.as_of_date then 'future'
            when dated.parsed_birth_date < dated.as_of_date - interval 130 year then 'implausible'
            else 'exact'
        end as birth_date_quality
    from dated
)

select
    judged.source_system,
    judged.source_record_id,
    md5(concat_ws(
        '|', judged.mrn_system, judged.mrn, judged.given, judged.given_alts, judged.family, judged.suffix,
        judged.birth_text, judged.sex, judged.phone, judged.email, judged.address, judged.zip, judged.ssn4,
        judged.member_id, judged.subscriber_id, judged.dependent_code, judged.links_to
    )) as record_hash,
    judged.mrn_system,
    judged.mrn,
    judged.mrn_verified,
    judged.given,
    judged.given_alts,
    judged.family,
    judged.suffix,
    case when judged.birth_date_quality = 'exact' then judged.parsed_birth_date end as birth_date,
    judged.birth_date_quality,
    judged.sex,
    judged.phone,
    judged.email,
    judged.address,
    judged.zip,
    judged.ssn4,
    judged.member_system,
    judged.member_id,
    judged.subscriber_id,
    judged.dependent_code,
    judged.guarantor_id,
    judged.valid_from,
    judged.links_to
from judged
