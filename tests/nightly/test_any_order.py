"""Any order of delivery gives the same marts; any earlier night can be rebuilt."""

from __future__ import annotations

import random
import shutil
from datetime import datetime

import pytest

from orchestration.night import run_night
from orchestration.settings import Settings

pytestmark = [pytest.mark.nightly, pytest.mark.dbt]


@pytest.mark.parametrize("seed", [1, *(pytest.param(n, marks=pytest.mark.prove) for n in range(2, 6))])
def test_files_delivered_over_three_nights_in_any_order_give_the_marts_of_one(
    seed, first, sample, tmp_path, published_rows
):
    files = sorted(p for p in sample.rglob("*") if p.is_file() and p.name != "manifest.json" and "truth" not in p.parts)
    random.Random(seed).shuffle(files)  # noqa: S311
    settings = Settings(home=tmp_path / "home", deliveries=tmp_path / "deliveries")
    for manifest in sample.glob("*/manifest.json"):
        target = settings.delivery_root / manifest.relative_to(sample)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(manifest, target)
    shutil.copy(sample / "truth" / "persons.csv", settings.truth)
    third = len(files) // 3 + 1
    for start in range(0, len(files), third):
        for file in files[start : start + third]:
            target = settings.delivery_root / file.relative_to(sample)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
        run_night(settings)
    ours, theirs = published_rows(settings), published_rows(first.settings)
    assert {mart for mart in theirs if ours[mart] != theirs[mart]} == set()


@pytest.mark.prove
def test_an_earlier_night_can_be_rebuilt(first, sample, tmp_path, published_rows):
    settings = Settings(home=tmp_path / "home", deliveries=tmp_path / "deliveries")
    shutil.copytree(sample, settings.delivery_root)
    run_night(settings)
    before = published_rows(settings)
    late = settings.delivery_root / "portal"
    (late / "manifest.json").write_text('{"transactionTime": "2026-01-01T00:00:00Z", "output": []}')
    (late / "events" / "late.ndjson").write_text(
        '{"messageId": "late-1", "type": "track", "event": "Logged In", "userId": "someone", '
        '"timestamp": "2025-12-31T12:00:00Z"}\n'
    )
    run_night(settings)
    assert published_rows(settings) != before
    then = Settings(home=settings.home, deliveries=settings.delivery_root, as_of=datetime(2025, 6, 30, 23, 59, 59))
    rebuilt = run_night(then)
    assert str(rebuilt.publication.as_of) == "2025-06-30"
    ours = published_rows(settings)
    assert {mart for mart in before if ours[mart] != before[mart]} == set()
