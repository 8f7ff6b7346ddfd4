"""The reference table of the marts: ``python -m orchestration.marts_reference [--check]`` writes docs/marts.md.

Belongs here: turning what the dbt YAML and the catalogue of measures say into one page. Does not belong: anything that
is not said there (a wrong description is mended in the YAML).
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from orchestration.settings import DBT_PROJECT, PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "marts.md"
#: A column that at least so many marts describe in the same words is described once.
SHARED_BY = 8
INTRODUCTION = """# The marts

Generated from the dbt project by `python -m orchestration.marts_reference`; change the YAML beside a mart, not this
page. `aggregate` marts hold measure rows at declared grouping sets (never sum over sets), `person` marts hold rows of
persons and stay in `limited`, `reference` marts describe the organisation. The rules behind the measures:
[measures.md](measures.md); what leaves for `safe_harbor`: [privacy.md](privacy.md).
"""

Mart = dict[str, Any]


def marts(project: Path) -> list[Mart]:
    """Return the contracted models of the project as their YAML describes them, with their folder, in name order."""
    found = []
    for path in sorted((project / "models").rglob("*.yml")):
        folder = path.relative_to(project / "models").parent.as_posix()
        for model in (yaml.safe_load(path.read_text()) or {}).get("models") or []:
            if _is_contracted(model, folder):
                found.append({**model, "folder": folder})
    return sorted(found, key=lambda mart: str(mart["name"]))


def _is_contracted(model: Mart, folder: str) -> bool:
    name = str(model["name"])
    config = model.get("config") or {}
    is_mart = folder.startswith("marts/") and not name.startswith("int_")
    return is_mart or bool((config.get("contract") or {}).get("enforced"))


def page(project: Path) -> str:
    """Return the text of docs/marts.md."""
    found = marts(project)
    described = Counter(_said(column) for mart in found for column in mart.get("columns") or [])
    shared = {said for said, times in described.items() if times >= SHARED_BY}
    parts = [INTRODUCTION, *_measures(project)]
    parts += ["## Columns of every measure mart\n", _table(_of(shared, found))]
    for mart in found:
        parts += [f"## {mart['name']}\n", _heading(mart)]
        columns = mart.get("columns") or []
        own = [column for column in columns if _said(column) not in shared]
        if len(own) < len(columns):
            common = ", ".join(f"`{column['name']}`" for column in columns if _said(column) in shared)
            parts.append(f"As above: {common}.\n")
        parts += [_table(own)] if own else []
    return "\n".join(parts)


def _of(shared: set[tuple[str, str, str]], found: Sequence[Mart]) -> list[Mart]:
    by_said = {_said(column): column for mart in found for column in mart.get("columns") or []}
    return [column for said, column in by_said.items() if said in shared]


def _heading(mart: Mart) -> str:
    kind = ((mart.get("config") or {}).get("meta") or {}).get("publication")
    said = " ".join(str(mart.get("description", "")).split())
    return f"{said}\n\n`{mart['folder']}`" + (f", {kind}" if kind else "") + "\n"


def _said(column: Mart) -> tuple[str, str, str]:
    return str(column["name"]), str(column.get("data_type", "")), " ".join(str(column.get("description", "")).split())


def _table(columns: Sequence[Mart]) -> str:
    rows = (tuple(cell.replace("|", "\\|") for cell in _said(column)) for column in columns)
    lines = [f"| `{name}` | {kind} | {said} |" for name, kind, said in rows]
    return "\n".join(["| column | type | meaning |", "|---|---|---|", *lines, ""])


def _measures(project: Path) -> Iterator[str]:
    with (project / "seeds" / "measures.csv").open(newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: (row["mart"], row["measure_id"]))
    yield "## The measures\n"
    lines = [
        f"| `{r['measure_id']}` | `{r['mart']}` | {r['title']} | {r['kind']} | {r['unit']} | {r['rule_source']} |"
        for r in rows
    ]
    yield "\n".join(["| measure | mart | what | kind | unit | rule |", "|---|---|---|---|---|---|", *lines, ""])


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page, or with --check return 1 where it is not what the YAML says."""
    parser = argparse.ArgumentParser(prog="python -m orchestration.marts_reference", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether the page is fresh")
    text = page(DBT_PROJECT)
    if parser.parse_args(arguments).check:
        return 0 if PAGE.exists() and PAGE.read_text() == text else 1
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
