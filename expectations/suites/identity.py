"""Persons: nobody is a wrong merge, births lie in possible years, and matching is steady over nights and fair."""

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
        name="matching_is_steady",
        asset=("identity", "identity_run_metrics"),
        description=(
            "Ids stay, no person grew beyond comparing, few hold two birth dates, stewards do not contradict each "
            "other, and no source attaches far less than in the nights before."
        ),
        sql="""
            with ranked as (
                select
                    metric, source_system, value,
                    dense_rank() over (order by as_of desc) as night
                from identity.identity_run_metrics
            ),
            sources as (
                select
                    source_system,
                    median(value) filter (where night between 2 and 8)
                    - max(value) filter (where night = 1) as drop_share
                from ranked where metric = 'attached_share' group by source_system
            ),
            tonight as (
                pivot (select metric, value from ranked where night = 1 and source_system is null)
                on metric in (
                    'kept_share', 'largest_cluster', 'oversized_clusters', 'persons', 'two_births_share',
                    'duplicate_chart_share', 'contradictory_decisions'
                ) using max(value)
            )
            select
                tonight.kept_share, tonight.largest_cluster, tonight.two_births_share, tonight.duplicate_chart_share,
                tonight.contradictory_decisions,
                tonight.oversized_clusters / greatest(tonight.persons, 1000) as oversized_share,
                (select max(drop_share) from sources) as attached_share_drop
            from tonight
        """,
        expectations=(
            between("kept_share", 0.98, 1),
            between("largest_cluster", 0, 1000),
            between("oversized_share", 0, 0.002),
            between("two_births_share", 0, 0.15),
            between("duplicate_chart_share", 0, 0.25),
            between("contradictory_decisions", 0, 0),
            between("attached_share_drop", None, 0.1),
        ),
    ),
    Suite(
        name="decisions_name_known_identities",
        asset=("identity", "identity_run_metrics"),
        description="A decision about an identity that no source knows (any more) does nothing; a steward should look.",
        sql="""
            select max(value) as unknown_decisions from identity.identity_run_metrics
            where metric = 'unknown_decisions'
                and as_of = (select max(as_of) from identity.identity_run_metrics)
        """,
        expectations=(between("unknown_decisions", 0, 0),),
        blocking=False,
    ),
    Suite(
        name="matching_is_fair",
        asset=("marts", "identity_fairness"),
        description="No group's records are found more than two points less often than everybody's, chance set aside.",
        sql="select recall_gap_low from marts.identity_fairness where attribute <> 'all' and n_people >= 30",
        expectations=(between("recall_gap_low", None, 0.02),),
        blocking=False,
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
