"""A whole night as plain functions, in the order of the README's picture; Dagster runs the same steps as assets.

Belongs here: the order of the steps, for programs and tests that need a night without Dagster.
Does not belong: what a step does.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field

from expectations.run import Verdict, validate_all
from orchestration.identity import IdentityReport, advance, resolve
from orchestration.lake import warehouse
from orchestration.lake.lock import home_lock
from orchestration.publish import Publication, publish
from orchestration.pull.source import PullReport, load_sources, pull, unread_folders
from orchestration.sample import generate
from orchestration.settings import SOURCE_DEFINITIONS, Settings, WrongSettingError
from orchestration.statistics import run_statistics


class ChecksFailedError(RuntimeError):
    """A blocking check failed: nothing was published, last night's publication stays in place."""


@dataclass(frozen=True)
class Night:
    """What one night did."""

    pulls: Sequence[PullReport]
    accounts: Sequence[warehouse.SourceAccount]
    identity: IdentityReport
    verdicts: Sequence[Verdict]
    publication: Publication
    tests_passed: int
    warnings: list[str] = field(default_factory=list)


def ensure_deliveries(settings: Settings) -> bool:
    """Make the sample hospital's deliveries where no others are named and none were made; return whether it did.

    Raises:
        WrongSettingError: the named folder is not there: misspelt, or not mounted. Its sources would look empty.
    """
    if settings.deliveries is not None and not settings.delivery_root.is_dir():
        raise WrongSettingError(f"JOURNEYS_DELIVERIES names no folder: {settings.delivery_root}")
    if settings.deliveries is not None or settings.sample.exists():
        return False
    scratch = settings.root / ".sample-being-made"
    shutil.rmtree(scratch, ignore_errors=True)
    generate(scratch, patients=settings.sample_patients)
    scratch.rename(settings.sample)
    return True


def run_night(settings: Settings) -> Night:
    """Pull, build, match, build, compute statistics, build their marts, check, publish.

    Raises:
        BuildError: a model or test failed.
        ChecksFailedError: a blocking expectation failed.
        HomeIsBusyError: another run writes this home.
    """
    with home_lock(settings.root):
        ensure_deliveries(settings)
        sources = load_sources(SOURCE_DEFINITIONS)
        pulls = [pull(source, settings) for source in sources]
        warehouse.build(settings, select=warehouse.BEFORE_IDENTITY)
        identity = resolve(
            settings.exchange / "identity_records.parquet",
            settings.exchange,
            settings.identity,
            truth=settings.truth,
        )
        warehouse.build(settings, exclude=f"{warehouse.BEFORE_IDENTITY} {warehouse.AFTER_STATISTICS}")
        run_statistics(settings.exchange)
        warehouse.build(settings, select=warehouse.AFTER_STATISTICS)
        tests_passed, _ = warehouse.run_tests(settings)
        verdicts = check(settings)
        publication = publish(settings, advance_identity=lambda: advance(settings.exchange, settings.identity))
        return Night(
            pulls=pulls,
            accounts=warehouse.accounts(settings.warehouse),
            identity=identity,
            verdicts=verdicts,
            publication=publication,
            tests_passed=tests_passed,
            warnings=[
                *(warning for report in pulls for warning in report.warnings),
                *unread_folders(sources, settings),
            ],
        )


def check(settings: Settings) -> list[Verdict]:
    """Validate every expectation suite.

    Raises:
        ChecksFailedError: names the blocking suites that failed.
    """
    verdicts = validate_all(settings.warehouse, max_rejected_share=settings.max_rejected_share)
    failed = [verdict.name for verdict in verdicts if verdict.blocking and not verdict.passed]
    if failed:
        raise ChecksFailedError(f"expectations failed: {', '.join(failed)}")
    return verdicts
