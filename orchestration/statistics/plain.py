"""The estimators on a table of one's own: CSV or Parquet in, JSON out, every digit kept.

``python -m orchestration.statistics.plain series TABLE --value mean_score --start 12``; ``--help`` lists the others.

Belongs here: columns of a table to the arguments of an estimator. Does not belong: any estimator.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from orchestration.declaration import did_you_mean
from orchestration.statistics.case_mix import case_mix
from orchestration.statistics.cases import PERSON
from orchestration.statistics.declarations import Limits
from orchestration.statistics.design import Matrix, independent
from orchestration.statistics.dose import Z_95, cochran_armitage, wilson
from orchestration.statistics.panels import difference_in_differences, pre_trend
from orchestration.statistics.regression import MEASURE, NotEstimableError, fit
from orchestration.statistics.series import interrupted_series

Answer = dict[str, Any]


def series(  # noqa: PLR0913 - what an analyst may set
    table: pd.DataFrame,
    *,
    value: str,
    start: int,
    period: str | None = None,
    weight: str | None = None,
    lags: int | None = None,
    season: bool = False,
) -> Answer:
    """Return change of level and slope from period ``start`` on (``series.interrupted_series``; Newey-West errors)."""
    found = interrupted_series(
        table[value].to_numpy(dtype=float),
        start,
        periods=None if period is None else table[period].to_numpy(dtype=float),
        weights=None if weight is None else table[weight].to_numpy(dtype=float),
        lags=lags,
        season=season,
    )
    return asdict(found)


def differences(  # noqa: PLR0913
    table: pd.DataFrame,
    *,
    unit: str,
    period: str,
    value: str,
    treated: Sequence[str],
    start: int,
    weight: str | None = None,
    clustered: bool = False,
) -> Answer:
    """Return the two-way fixed effects difference-in-differences and its pre-trend (``panels``).

    Fewer than 40 units take randomisation inference; ``clustered`` takes errors clustered by unit however few.
    """
    cells = pd.DataFrame(
        {"unit": table[unit].astype(str), "period": table[period], "value": table[value].astype(float)}
    )
    cells["weight"] = 1.0 if weight is None else table[weight].astype(float)
    limits = Limits()
    inference = (0 if clustered else limits.few_clusters, limits.max_assignments)
    answer = asdict(difference_in_differences(cells, set(treated), start, *inference))
    if cells.loc[cells["period"] < start, "period"].nunique() >= 3:
        answer["pre_trend"] = asdict(pre_trend(cells, set(treated), start, *inference))
    return answer


def association(  # noqa: PLR0913
    table: pd.DataFrame,
    *,
    kind: str,
    outcome: str,
    exposure: str,
    adjust: Sequence[str] = (),
    cluster: str | None = None,
    event: str | None = None,
    step: float = 1.0,
) -> Answer:
    """Return the effect of ``step`` of an exposure, crude and adjusted (``regression.fit``).

    Numbers are adjusted for as they are, texts by an indicator a level. Errors are clustered where ``cluster`` names a
    column, and the model's own otherwise. Rows with a value missing are left out and counted.
    """
    read = [outcome, exposure, *adjust, *([cluster] if cluster else []), *([event] if event else [])]
    known = table[read].dropna()
    data = pd.DataFrame({"x": known[exposure].astype(float), "y": known[outcome].astype(float)})
    data[PERSON] = (known[cluster] if cluster else pd.Series(known.index, known.index)).astype(str).astype("category")
    if event:
        data["event"] = known[event].astype(float)
    fits = {"crude": np.empty((len(data), 0)), "adjusted": independent(_numbers(known, adjust))}
    answers = {name: asdict(fit(kind, data, columns, step, clustered=bool(cluster))) for name, columns in fits.items()}
    return {"measure": MEASURE[kind], "n": len(data), "n_missing": len(table) - len(data), **answers}


def adjusted_means(table: pd.DataFrame, *, score: str, entity: str, adjust: Sequence[str]) -> Answer:
    """Return each entity's mean and case-mix adjusted mean (``case_mix.case_mix``)."""
    known = table[[score, entity, *adjust]].dropna()
    found = case_mix(known[score].to_numpy(dtype=float), known[entity], _numbers(known, adjust))
    return {"n_missing": len(table) - len(known), "entities": [asdict(row) for row in found]}


def net_promoter(table: pd.DataFrame, *, score: str, by: Sequence[str] = ()) -> Answer:
    """Return the Net Promoter Score with its 95 % interval, of all and of each value of each column of ``by``.

    100 (p+ - p-), variance p+ + p- - (p+ - p-)^2 over n; 9-10 promote, 0-6 detract (MEASURES section 5).
    """
    known = table[table[score].notna()]
    groups = [("all", "all", known)]
    groups += [(name, str(value), rows) for name in by for value, rows in known.groupby(name, dropna=False)]
    return {
        "groups": [{"dimension": d, "group": g, **_nps(rows[score].to_numpy(dtype=float))} for d, g, rows in groups]
    }


def _nps(scores: Matrix) -> Answer:
    n, promote, detract = len(scores), float((scores >= 9).mean()), float((scores <= 6).mean())
    error = sqrt((promote + detract - (promote - detract) ** 2) / n)
    nps = promote - detract
    return {"n": n, "nps": 100 * nps, "ci_low": 100 * (nps - Z_95 * error), "ci_high": 100 * (nps + Z_95 * error)}


def rates(table: pd.DataFrame, *, band: str, events: str, n: str) -> Answer:
    """Return Wilson intervals of each band's rate, and the Cochran-Armitage trend along the bands as they stand."""
    hits, sizes = table[events].astype(float).tolist(), table[n].astype(float).tolist()
    trend = cochran_armitage(hits, sizes)
    bands = []
    for name, hit, size in zip(table[band], hits, sizes, strict=True):
        low, high = wilson(hit, size)
        bands.append({"band": str(name), "rate": hit / size, "ci_low": low, "ci_high": high})
    return {"bands": bands, "trend": asdict(trend) if trend else None}


def _numbers(table: pd.DataFrame, columns: Sequence[str]) -> Matrix:
    """Return columns as numbers; a text becomes an indicator for every value but the first in name order."""
    parts: list[Matrix] = [np.empty((len(table), 0))]
    for name in columns:
        if pd.api.types.is_numeric_dtype(table[name]):
            parts.append(table[name].to_numpy(dtype=float)[:, None])
        else:
            parts.append(pd.get_dummies(table[name].astype(str), drop_first=True).to_numpy(dtype=float))
    return np.hstack(parts)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m orchestration.statistics.plain", description=__doc__)
    commands = parser.add_subparsers(dest="estimator", required=True)

    def command(name: str, run: Callable[..., Answer], required: str, optional: str = "") -> argparse.ArgumentParser:
        summary = (run.__doc__ or "").split("\n")[0]
        added = commands.add_parser(name, help=summary, description=summary)
        added.add_argument("table", type=Path, help="CSV or Parquet")
        for column in required.split():
            added.add_argument(f"--{column}", required=True, metavar="COLUMN")
        for column in optional.split():
            added.add_argument(f"--{column}", metavar="COLUMN")
        added.set_defaults(run=run, columns=[*required.split(), *optional.split()])
        return added

    one = command("series", series, "value", "period weight")
    one.add_argument("--start", type=int, required=True, help="first period of the new level")
    one.add_argument("--lags", type=int, help="lags of Newey-West")
    one.add_argument("--season", action="store_true", help="add a yearly sine and cosine (periods are months)")
    one = command("differences", differences, "unit period value", "weight")
    one.add_argument("--treated", nargs="+", required=True, metavar="UNIT")
    one.add_argument("--start", type=int, required=True, help="first period with it")
    one.add_argument("--clustered", action="store_true", help="errors clustered by unit, however few")
    one = command("association", association, "outcome exposure", "cluster event")
    one.add_argument("--kind", choices=sorted(MEASURE), required=True)
    one.add_argument("--adjust", nargs="+", default=[], metavar="COLUMN")
    one.add_argument("--step", type=float, default=1.0)
    one = command("case-mix", adjusted_means, "score entity")
    one.add_argument("--adjust", nargs="+", required=True, metavar="COLUMN")
    one = command("nps", net_promoter, "score")
    one.add_argument("--by", nargs="+", default=[], metavar="COLUMN")
    command("rates", rates, "band events n")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Print an estimator's answer as JSON; returns the exit code."""
    parser = _parser()
    options = vars(parser.parse_args(arguments))
    run, path, columns = options.pop("run"), options.pop("table"), options.pop("columns")
    del options["estimator"]
    table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    named = [options[name] for name in columns if options[name]] + options.get("adjust", []) + options.get("by", [])
    for name in named:
        if name not in table.columns:
            parser.error(f"{path} has no column {name!r}{did_you_mean(name, list(table.columns))}")
    try:
        print(json.dumps(run(table, **options), indent=2))
    except (NotEstimableError, ValueError) as error:
        print(f"not estimable: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
