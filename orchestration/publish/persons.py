"""Safe Harbor, 45 CFR 164.514(b)(2), as SQL expressions, and the person table made of them.

Belongs here: what becomes of each identifier of a person. Does not belong: counts (``small_cells``).

Allow-list: a column that is not named here does not leave. Of the 18 identifiers only year and ZIP3 remain.
"""

from __future__ import annotations

#: Ages above this are one category, and dates that would tell them (the birth year) go.
OLDEST_AGE_SHOWN = 89
OLDEST = f"{OLDEST_AGE_SHOWN + 1}+"
#: Stands for every ZIP3 area where 20,000 people or fewer live (seed zip3_small_population).
SMALL_AREA = "000"


def zip3(postal_code: str, small_areas: str) -> str:
    """Return SQL for the publishable part of a postal code.

    Args:
        postal_code: SQL text expression, five or nine digits (or only the first three).
        small_areas: SQL query of one column, the ZIP3 areas too small to show.
    """
    first = f"regexp_extract({postal_code}, '^[0-9]{{3}}')"
    return f"""case
        when {postal_code} is null then null
        when {first} = '' or {first} in ({small_areas}) then '{SMALL_AREA}'
        else {first}
    end"""


def age_years(birth_date: str, birth_year: str, on: str) -> str:
    """Return SQL for the age in full years; from the year alone it is the oldest that the person can be."""
    return f"coalesce(date_sub('year', {birth_date}, {on}), extract(year from {on}) - {birth_year})"


def age_group(age: str) -> str:
    """Return SQL for the age in decades, the last one open: '0-9' .. '80-89', '90+'."""
    return f"""case
        when {age} is null or {age} < 0 then 'unknown'
        when {age} > {OLDEST_AGE_SHOWN} then '{OLDEST}'
        else printf('%d-%d', {age} // 10 * 10, {age} // 10 * 10 + 9)
    end"""


def year(moment: str) -> str:
    """Return SQL for what remains of a date: its year."""
    return f"cast(extract(year from {moment}) as integer)"


def safe_harbor_persons(persons: str, keys: str, as_of: str, small_areas: str) -> str:
    """Return the query of the de-identified person table; grain: one row per person.

    Rows are in the order of the random keys: that of the mart would tell which row of ``limited`` is whose.

    Args:
        persons: the mart dim_person.
        keys: relation of person_id and person_key.
        as_of: SQL date literal; ages are those on the night's day.
        small_areas: SQL query of the ZIP3 areas too small to show.
    """
    age = age_years("persons.birth_date", "persons.birth_year", as_of)
    return f"""
        select
            keys.person_key,
            case when {age} <= {OLDEST_AGE_SHOWN} then persons.birth_year end as birth_year,
            {age_group(age)} as age_group,
            persons.generation,
            persons.sex,
            persons.race,
            persons.ethnicity,
            persons.language,
            {zip3("coalesce(persons.postal_code, persons.zip3)", small_areas)} as zip3,
            persons.is_deceased,
            {year("persons.deceased_on")} as death_year,
            {year("persons.first_seen_at")} as first_seen_year,
            persons.has_ehr
        from {persons} as persons
        inner join {keys} as keys on persons.person_id = keys.person_id
        order by keys.person_key
    """
