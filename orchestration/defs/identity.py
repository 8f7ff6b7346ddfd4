"""Identity: the records that dbt prepared become persons; the model that weighs them is trained on demand."""

from collections.abc import Iterator

import dagster as dg

from orchestration.components.home import Home
from orchestration.identity import resolve, train

GROUP, OWNERS = "identity", ["team:data-engineering"]
RECORDS = dg.AssetKey(["identity", "identity_records"])
EDGES = dg.AssetKey(["identity", "identity_edges"])
CROSSWALK = dg.AssetKey(["identity", "person_crosswalk"])
RUN_METRICS = dg.AssetKey(["identity", "run_metrics"])
TRUTH = dg.AssetKey(["identity", "truth"])


def _spec(key: dg.AssetKey, deps: list[dg.AssetKey], description: str) -> dg.AssetSpec:
    return dg.AssetSpec(
        key, deps=deps, group_name=GROUP, owners=OWNERS, kinds={"python", "parquet"}, description=description
    )


@dg.multi_asset(
    name="identity",
    specs=[
        _spec(EDGES, [RECORDS], "Pairs of records that speak for one person: by which rule, and what came of it."),
        _spec(CROSSWALK, [EDGES], "Which person each source identity is; person ids stay the same over nights."),
        _spec(RUN_METRICS, [CROSSWALK], "What each night's matching came to, night by night."),
        _spec(TRUTH, [RECORDS], "Who identities really are, where somebody knows."),
    ],
)
def identity(home: Home) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]
    """Match, cluster, keep ids stable; the new state waits until the publication takes it over."""
    settings = home.settings
    report = resolve(
        settings.exchange / "identity_records.parquet", settings.exchange, settings.identity, truth=settings.truth
    )
    yield dg.MaterializeResult(asset_key=EDGES)
    yield dg.MaterializeResult(
        asset_key=CROSSWALK,
        metadata={
            "dagster/row_count": report.identities - report.without_person,
            "persons": report.persons,
            "without_person": report.without_person,
            "minted": report.minted,
            "merged": report.merged,
            "split": report.split,
            "kept_share": report.kept_share,
            "ambiguous_records": report.ambiguous_records,
            "oversized_clusters": report.oversized_clusters,
            "decisions": report.decisions,
            "unknown_decisions": report.unknown_decisions,
            "seconds": report.seconds,
        },
    )
    yield dg.MaterializeResult(asset_key=RUN_METRICS)
    yield dg.MaterializeResult(asset_key=TRUTH)


@dg.asset(
    key=["identity", "identity_model"],
    deps=[RECORDS],
    group_name=GROUP,
    owners=OWNERS,
    kinds={"python", "splink"},
    description="Weights of agreement and their threshold, as versioned JSON; trained on demand, never at night.",
)
def identity_model(home: Home) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Train on tonight's records; nights use the newest version from then on."""
    settings = home.settings
    path = train(settings.exchange / "identity_records.parquet", settings.identity)
    return dg.MaterializeResult(metadata={"version": path.stem})


train_identity = dg.define_asset_job(
    "train_identity",
    selection=dg.AssetSelection.assets(identity_model),
    description="Train the model of identity matching anew; people change only where its weights say so.",
    executor_def=dg.in_process_executor,
)
