"""A night that dies at any step, and is run again, publishes what an undisturbed night publishes."""

from __future__ import annotations

import pytest

from orchestration import night as steps
from orchestration.lake import raw, warehouse
from orchestration.publish.nights import Shelf
from orchestration.pull import source
from orchestration.settings import Settings

pytestmark = [pytest.mark.nightly, pytest.mark.dbt]


class Killed(BaseException):
    """Stands for the process's end: nothing in the night catches it."""


#: Where the process dies: (owner, attribute, which call). The step itself has then been done.
DEATHS = {
    "after the first file landed": (source.Landing, "take", 1),
    "in the middle of landing": (source.Landing, "take", 40),
    "before the first batch is visible": (raw, "merge", 1),
    "after the first batch is visible": (raw.RawBatch, "commit", 1),
    "after all batches are visible": (raw.RawBatch, "commit", 6),
    "after staging": (warehouse, "build", 1),
    "after identity": (steps, "resolve", 1),
    "after the marts": (warehouse, "build", 2),
    "after the checks": (steps, "check", 1),
    "after the night's folder was placed": (Shelf, "place", 1),
    "before identity state advances": (Shelf, "place", 2),
    "after identity state advanced": (steps, "advance", 1),
    "between the two links": (Shelf, "point_to", 1),
}


def _dies_after(monkeypatch: pytest.MonkeyPatch, owner: object, name: str, call: int) -> None:
    original, calls = getattr(owner, name), 0

    def step(*args, **kwargs):
        nonlocal calls
        result = original(*args, **kwargs)
        calls += 1
        if calls == call:
            raise Killed
        return result

    monkeypatch.setattr(owner, name, step)


#: Tried in every `make test`; `make prove-crashes` tries them all.
ALWAYS = {"in the middle of landing", "after staging", "before identity state advances"}


@pytest.mark.parametrize("death", [pytest.param(d, marks=[] if d in ALWAYS else pytest.mark.prove) for d in DEATHS])
def test_a_killed_night_run_again_publishes_the_same_rows(  # noqa: PLR0917
    death, first, sample, tmp_path, published_rows, monkeypatch
):
    settings = Settings(home=tmp_path / "home", deliveries=sample)
    with monkeypatch.context() as patch:
        _dies_after(patch, *DEATHS[death])
        with pytest.raises(Killed):
            steps.run_night(settings)
    night = steps.run_night(settings)
    assert night.publication.is_new or "link" in death
    assert published_rows(settings) == published_rows(first.settings)
    assert (settings.published / "safe_harbor" / "current").exists()
