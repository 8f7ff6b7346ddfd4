"""Persons: nobody has grown out of too many source identities, births lie in possible years."""

from expectations.suite import Suite, between

SUITES = (
    Suite(
        name="persons_are_plausible",
        asset=("marts", "dim_person"),
        description="A person of hundreds of source identities is a wrong merge; so is an impossible birth year.",
        sql="""
            select
                max(persons.n_source_identities / years.n) as most_identities_a_year,
                avg((coalesce(persons.birth_year, 2000) < 1880)::integer) as share_born_before_1880,
                avg((persons.birth_date > night.as_of_date)::integer) as share_born_after_the_night
            from marts.dim_person as persons
            cross join staging.night as night
            cross join (
                select greatest(1, date_diff('year', min(ts), max(ts))) as n
                from marts.touchpoints
            ) as years
        """,
        expectations=(
            between("most_identities_a_year", 0, 500),
            between("share_born_before_1880", 0, 0.05),
            between("share_born_after_the_night", 0, 0.05),
        ),
    ),
    Suite(
        name="sources_attach_to_persons",
        asset=("marts", "touchpoints"),
        description="Most touchpoints of a source belong to somebody; a feed that lost its identifiers shows here.",
        sql="""
            select
                source_system,
                avg((person_id is not null)::integer) as attached_share
            from marts.touchpoints
            group by source_system
            having count(*) >= 100
        """,
        expectations=(between("attached_share", 0.2, 1),),
        blocking=False,
    ),
)
