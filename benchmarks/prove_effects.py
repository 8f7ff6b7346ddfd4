"""Do the marts find what the sample hospital planted, as often as their intervals say, and nothing where nothing is?

Each seed is a hospital of its own: generated, pulled, built by dbt as far as statistics need it, estimated.
Persons are the true ones (truth/persons.csv): matching has its own proof. One line a seed is kept, so that a later run
goes on where an earlier one stopped; delete the file to begin anew.

Run: python -m benchmarks.prove_effects [--seeds 100] [--null-seeds 20] [--patients 5000] [--minutes 60] [--summary]
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from benchmarks.effects_summary import RECORD, read_record, write_summary
from orchestration.lake import warehouse
from orchestration.pull.source import load_sources, pull
from orchestration.sample import generate
from orchestration.settings import PROJECT_ROOT, SOURCE_DEFINITIONS, Settings
from orchestration.statistics import Declarations, load_declarations, run_statistics
from orchestration.statistics.tables import path_of

Row = dict[str, Any]

#: Types that no case of statistics is made of: delivering them would only cost time.
UNREAD = ("Observation", "Slot", "Schedule", "Consent")
CASES = "+path:models/marts/measures/statistics"
PERSONS = """
copy (
    select source_system, source_record_id, true_person::bigint as person_id, 'certain' as grade,
        1.0::double as match_confidence, null::timestamp as valid_from, null::timestamp as valid_to
    from read_csv('{persons}', all_varchar=true)
) to '{crosswalk}' (format parquet)
"""


def jobs(seeds: int, null_seeds: int) -> Iterator[tuple[int, bool]]:
    """Yield seed and whether the effects are on: five with them for one without, while there are any of both."""
    for seed in range(1, seeds + 1):
        yield seed, True
        if seed % 5 == 1 and seed // 5 < null_seeds:
            yield seed // 5 + 1, False
    for seed in range((seeds + 4) // 5 + 1, null_seeds + 1):
        yield seed, False


def hospital(seed: int, patients: int, effects: bool, work: Path) -> tuple[Row, Path]:
    """Make one hospital and run it up to its statistics; return its truth and the exchange folder."""
    settings = Settings(home=work / "home", deliveries=work / "deliveries")
    generate(settings.delivery_root, patients=patients, seed=seed, effects=effects)
    for kind in UNREAD:
        for path in (settings.delivery_root / "ehr").glob(f"{kind}.*"):
            path.unlink()
    for source in load_sources(SOURCE_DEFINITIONS):
        pull(source, settings)
    warehouse.prepare(settings)
    persons = settings.delivery_root / "truth" / "persons.csv"
    duckdb.execute(PERSONS.format(persons=persons, crosswalk=settings.exchange / "person_crosswalk.parquet"))
    warehouse.build(settings, select=CASES)
    truth: Row = json.loads((settings.delivery_root / "truth" / "effects.json").read_bytes())
    declared = load_declarations()
    run_statistics(settings.exchange, _stated(declared, truth) if effects else declared)
    return truth, settings.exchange


def _stated(declared: Declarations, truth: Row) -> Declarations:
    """Return the declarations as far as the truth states an effect: those of all cases, in no segment."""
    stated = {(row["exposure"], row["outcome"]) for row in _statements(truth) if row["mart"] == "associations"}
    families = {}
    for name, family in declared.families.items():
        exposures = [e for e in family.exposures if any((e, o) in stated for o in family.outcomes)]
        outcomes = [o for o in family.outcomes if any((e, o) in stated for e in family.exposures)]
        if exposures:
            kept = {"exposures": exposures, "outcomes": outcomes, "rates": [], "segments": []}
            families[name] = family.model_copy(update=kept)
    return declared.model_copy(update={"families": families})


def _statements(truth: Row) -> list[Row]:
    rows: list[Row] = truth["in_estimators_terms"]["effects"]
    return rows


def coverage(truth: Row, exchange: Path) -> dict[str, Row]:
    """Return the estimate and interval beside each stated effect; an estimate that is missing is null."""
    pairs = {
        (row["exposure"], row["outcome"]): row
        for row in pq.read_table(path_of(exchange, "associations")).to_pylist()
        if row["segment_dimension"] == "all"
    }
    training = truth["planted"]["training"]["training_name"]
    designs = {
        (row["design"], row["outcome"]): row
        for row in pq.read_table(path_of(exchange, "effects")).to_pylist()
        if row["intervention"] == training
    }
    found: dict[str, Row] = {}
    for stated in _statements(truth):
        is_pair = stated["mart"] == "associations"
        key = (stated["exposure" if is_pair else "design"], stated["outcome"])
        row = (pairs if is_pair else designs)[key]
        kept = {name: row[name] for name in ("effect", "ci_low", "ci_high", "p_value")}
        found[" -> ".join(key) if is_pair else f"training: {key[0]}, {key[1]}"] = {"truth": stated["effect"], **kept}
    return found


def findings(exchange: Path) -> Row:
    """Return how many findings have a q-value and in how many it is below 0.05, by family, and which these are."""
    tested: Counter[str] = Counter()
    positive: Counter[str] = Counter()
    names: list[str] = []
    rows = [
        (row, row["family"], f"{row['exposure']} -> {row['outcome']} in {row['segment']}")
        for row in pq.read_table(path_of(exchange, "associations")).to_pylist()
    ]
    rows += [
        (row, f"{row['kind']}s", f"{row['intervention']}: {row['design']}, {row['outcome']}")
        for row in pq.read_table(path_of(exchange, "effects")).to_pylist()
    ]
    for row, family, name in rows:
        if row["q_value"] is not None:
            tested[family] += 1
            if row["q_value"] < 0.05:
                positive[family] += 1
                names.append(name)
    return {"tested": dict(tested), "positive": dict(positive), "names": names}


def run_seed(seed: int, patients: int, effects: bool) -> Row:
    """Return the line of one seed."""
    began = time.process_time()
    with tempfile.TemporaryDirectory(prefix="effects-") as folder:
        truth, exchange = hospital(seed, patients, effects, Path(folder))
        row: Row = {"seed": seed, "effects": effects, "patients": patients, "commit": commit()}
        row |= {"found": coverage(truth, exchange)} if effects else {"findings": findings(exchange)}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {**row, "cpu_seconds": round(time.process_time() - began, 1), "peak_mb": round(peak)}


def commit() -> str:
    """Return the commit that this code is of; ``+`` says that files were changed since."""
    head = _git("rev-parse", "--short", "HEAD")
    return f"{head}+" if _git("status", "--porcelain", "orchestration", "dbt_project") else head


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def main() -> None:
    """Run the seeds that no line tells of yet, then write the summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--null-seeds", type=int, default=20)
    parser.add_argument("--patients", type=int, default=5_000)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="start no seed after so many minutes")
    parser.add_argument("--record", type=Path, default=RECORD)
    parser.add_argument("--summary", action="store_true", help="only write the summary of what there is")
    options = parser.parse_args()
    began = time.monotonic()
    done = {(row["seed"], row["effects"]) for row in read_record(options.record, options.patients)}
    for seed, effects in [] if options.summary else jobs(options.seeds, options.null_seeds):
        if (seed, effects) in done:
            continue
        if time.monotonic() - began > options.minutes * 60:
            break
        row = run_seed(seed, options.patients, effects)
        with options.record.open("a", encoding="utf-8") as record:
            record.write(json.dumps(row) + "\n")
        print(f"seed {seed} {'with' if effects else 'without'} effects: {row['cpu_seconds']} CPU s", flush=True)
    write_summary(options.record, options.patients)


if __name__ == "__main__":
    main()
