"""The record of ``prove_effects``, and what it comes to.

Belongs here: reading lines, counting, bounds, the page in ``results/``. Does not belong: running a seed.
"""

from __future__ import annotations

import json
import math
import os
import platform
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from scipy.stats import beta

RESULTS = Path(__file__).parent / "results"
RECORD = RESULTS / "effects.jsonl"
NEEDED, OF = 88, 100
Row = dict[str, Any]


def read_record(path: Path, patients: int) -> list[Row]:
    """Return the lines about hospitals of so many patients; a line that was cut off is left out."""
    rows: list[Row] = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        if row["patients"] == patients:
            rows.append(row)
    return rows


def bounds(hits: int, n: int) -> tuple[float, float]:
    """Return the exact (Clopper-Pearson) 95 % interval of a share."""
    low = float(beta.ppf(0.025, hits, n - hits + 1)) if hits else 0.0
    high = float(beta.ppf(0.975, hits + 1, n - hits)) if hits < n else 1.0
    return low, high


def write_summary(record: Path, patients: int) -> None:
    """Write ``effects.md`` beside the record."""
    rows = read_record(record, patients)
    on = [row for row in rows if row["effects"]]
    off = [row for row in rows if not row["effects"]]
    text = [_head(rows, on, off, patients)]
    if on:
        text.append(_coverage(on))
    if off:
        text.append(_nothing(off))
    record.with_suffix(".md").write_text("\n".join(text), encoding="utf-8")


def _head(rows: list[Row], on: list[Row], off: list[Row], patients: int) -> str:
    cpu = [row["cpu_seconds"] for row in rows]
    took = f"{mean(cpu):.0f} CPU seconds a seed ({min(cpu):.0f} to {max(cpu):.0f})" if cpu else "no seed yet"
    peak = max((row["peak_mb"] for row in rows), default=0)
    return f"""# Planted effects, found and not found

`make prove-effects` ({datetime.now(UTC):%Y-%m-%d}): sample hospitals of {patients:,} patients, one a seed, from
generation to the estimates. **{len(on)} seeds with effects, {len(off)} without**; {took}, at most {peak:,} MB in one
process. A later run goes on after the last line of `effects.jsonl`. Code of commit
{", ".join(sorted({row["commit"] for row in rows}))}.

{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, DuckDB \
{version("duckdb")}, statsmodels {version("statsmodels")}, dbt {version("dbt-core")}.
"""


def _coverage(rows: list[Row]) -> str:
    """Return the table of how often each interval held the truth."""
    lines = [
        "## With effects: how often the 95 % interval holds the truth",
        "",
        f"Needed: {NEEDED} of {OF}. `bias / error` is the mean distance from the truth in standard errors; `spread",
        "/ error` how far these lie apart (1 where intervals are as wide as they should be). Odds ratios: as logs.",
        "",
        "| effect | held | share | 95 % of that share | mean truth | mean estimate | bias / error | spread / error |",
        "|---|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*lines, *(_effect(name, rows) for name in rows[0]["found"]), ""])


def _effect(name: str, rows: list[Row]) -> str:
    cells = [row["found"][name] for row in rows]
    held = sum(_holds(cell) for cell in cells)
    low, high = bounds(held, len(cells))
    scores = [score for cell in cells if (score := _score(cell, "is_missed" in name)) is not None]
    estimates = [cell["effect"] for cell in cells if cell["effect"] is not None]
    return (
        f"| {name} | {held} of {len(cells)} | {held / len(cells):.0%} | {low:.0%} to {high:.0%} "
        f"| {mean(cell['truth'] for cell in cells):.4f} | {_of(mean, estimates, '.4f')} "
        f"| {_of(mean, scores, '+.2f')} | {_of(stdev, scores, '.2f')} |"
    )


def _of(summary: Callable[[list[float]], float], values: list[float], how: str) -> str:
    return format(summary(values), how) if len(values) > 1 else ""


def _holds(cell: Row) -> bool:
    return cell["ci_low"] is not None and cell["ci_low"] <= cell["truth"] <= cell["ci_high"]


def _score(cell: Row, is_ratio: bool) -> float | None:
    if cell["ci_low"] is None:
        return None
    on = math.log if is_ratio else float
    error = (on(cell["ci_high"]) - on(cell["ci_low"])) / 3.92
    return (on(cell["effect"]) - on(cell["truth"])) / error


def _nothing(rows: list[Row]) -> str:
    """Return the table of findings where nothing was planted."""
    tested: Counter[str] = Counter()
    positive: Counter[str] = Counter()
    names: Counter[str] = Counter()
    for row in rows:
        tested.update(row["findings"]["tested"])
        positive.update(row["findings"]["positive"])
        names.update(row["findings"]["names"])
    shares = [sum(r["findings"]["positive"].values()) / sum(r["findings"]["tested"].values()) for r in rows]
    hits, n = positive.total(), tested.total()
    lines = [
        "## Without effects: how many findings have q < 0.05",
        "",
        f"Needed: at most 5 %. In all {hits} of {n:,} ({hits / n:.1%}); by seed {min(shares):.1%} to "
        f"{max(shares):.1%},",
        f"in {sum(share <= 0.05 for share in shares)} of {len(shares)} seeds at most 5 %.",
        "",
        "| family | findings with a q-value | q < 0.05 | share |",
        "|---|---|---|---|",
    ]
    lines += [f"| {f} | {n:,} | {positive[f]} | {positive[f] / n:.1%} |" for f, n in sorted(tested.items())]
    lines += ["", "Found most often: " + "; ".join(f"{name} ({n})" for name, n in names.most_common(8)) + ".", ""]
    return "\n".join(lines)
