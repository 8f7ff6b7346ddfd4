"""`python -m orchestration.pull.fhir_referee`: a second opinion on FHIR records, by the models of ``fhir.resources``.

Belongs here: explaining rejected records and judging the others, all of a small delivery and a sample of a large one
(the models read hundreds to thousands of records a second, the rules a hundred thousand). Does not belong: the rules.
Says file, line, rule and element path, never a value.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from fhir.resources.R4B import get_fhir_model_class
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from orchestration.lake.duck import connect, quote
from orchestration.lake.landing import LandedFile, Landing
from orchestration.pull import fhir_bundles
from orchestration.pull.fhir_tables import known_type
from orchestration.pull.fhir_views.elements import UNDESCRIBED
from orchestration.pull.lines import line_reader
from orchestration.settings import Settings

_RULES = {
    "missing": "required",
    "model_field_validation.missing": "required",
    "extra_forbidden": "element_unknown",
    "value_error": "format_invalid",
}


@dataclass(frozen=True)
class Judgement:
    """What rules and referee say of a record; ``findings`` are the referee's (rule, element path)."""

    file_name: str
    line: int
    resource_type: str
    is_rejected: bool
    findings: tuple[tuple[str, str], ...]


def judge(settings: Settings, source: str = "ehr", sample: int = 2_000) -> Iterator[Judgement]:
    """Judge every rejected record up to ``sample``, and as many of the others: all, or an even sample of them.

    The sample is the same each time: it depends on where a record lies, not on chance.
    """
    chosen = _chosen(settings.raw / source, sample)
    for file in Landing(settings.landing, source).files():
        lines = chosen.get(file.file_id, {})
        for line, text in _texts(file, lines):
            resource_type, findings = explain(text)
            yield Judgement(file.name, line, resource_type, lines[line], findings)


def explain(text: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return a record's type and what the models of R4B find in it."""
    try:
        record = orjson.loads(text)
    except orjson.JSONDecodeError:
        return "", (("json_invalid", ""),)
    stated = record.get("resourceType") if isinstance(record, dict) else None
    resource_type = known_type(stated) if isinstance(stated, str) else None
    if resource_type is None:
        return "", (("resource_type", "resourceType"),)
    if resource_type in UNDESCRIBED:
        return resource_type, ()
    try:
        get_fhir_model_class(resource_type).model_validate(record)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        return resource_type, tuple(sorted({_finding(resource_type, one["type"], one["loc"]) for one in found}))
    return resource_type, ()


def _finding(resource_type: str, kind: str, location: tuple[int | str, ...]) -> tuple[str, str]:
    names = [part for part in location if isinstance(part, str)]
    if kind == "extra_forbidden":
        names = names[:-1]  # an unknown name may be anybody's word
    rule = _RULES.get(kind, "type_invalid" if kind.endswith("_type") else "structure_invalid")
    return rule, ".".join([resource_type, *names])


def _chosen(raw: Path, sample: int) -> dict[str, dict[int, bool]]:
    """The records to judge: file -> line -> whether the rules rejected it."""
    with connect() as con:
        rows = con.execute(
            f"""with records as (
                select file_id, line, parse_state = 'rejected' as is_rejected
                from read_parquet({quote(raw / "records" / "*.parquet")}) where op = 'upsert'
            )
            select file_id, line, is_rejected from records
            qualify row_number() over (partition by is_rejected order by hash(file_id, line), file_id, line) <= ?""",
            [sample],
        ).fetchall()
    chosen: dict[str, dict[int, bool]] = defaultdict(dict)
    for file_id, line, is_rejected in rows:
        chosen[file_id][line] = is_rejected
    return chosen


def _texts(file: LandedFile, lines: dict[int, bool]) -> Iterator[tuple[int, str]]:
    if not lines:
        return
    is_document = fhir_bundles.holds_documents(file.path, file.path.name)
    reader = fhir_bundles.document_reader([file]) if is_document else line_reader([file])
    for batch in reader:
        wanted = batch.filter(pc.is_in(batch["line"], value_set=pa.array(lines, pa.int64())))
        for row in wanted.select(["line", "text", "fault"]).to_pylist():
            yield row["line"], "" if row["fault"] else row["text"]


def main(arguments: list[str] | None = None) -> int:
    """Print the comparison and the explanations; 1 where the referee rejects what the rules let through."""
    parser = argparse.ArgumentParser(prog="python -m orchestration.pull.fhir_referee", description=__doc__)
    parser.add_argument("--home", type=Path, help="JOURNEYS_HOME")
    parser.add_argument("--sample", type=int, default=2_000, help="most records judged of each: rejected, others")
    parser.add_argument("--explain", type=int, default=50, help="most records explained")
    chosen = parser.parse_args(arguments)
    settings = Settings(home=chosen.home) if chosen.home else Settings()
    judgements = list(judge(settings, sample=chosen.sample))
    counts = Counter((one.resource_type or "?", one.is_rejected, bool(one.findings)) for one in judgements)
    console = Console()
    summary = Table("resource", "both accept", "both reject", "only the rules reject", "only the referee rejects")
    for kind in sorted({kind for kind, *_ in counts}):
        cases = ((False, False), (True, True), (True, False), (False, True))
        summary.add_row(kind, *(str(counts[kind, rules, referee]) for rules, referee in cases))
    console.print(summary)
    told = Table("file", "line", "rules", "referee's rule", "element")
    for one in [one for one in judgements if one.findings][: chosen.explain]:
        for rule, element in one.findings:
            told.add_row(one.file_name, str(one.line), "reject" if one.is_rejected else "accept", rule, element)
    console.print(told)
    return int(any(one.findings and not one.is_rejected for one in judgements))


if __name__ == "__main__":
    sys.exit(main())
