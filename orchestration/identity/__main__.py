"""Command line of identity: ``python -m orchestration.identity COMMAND`` (``--help`` lists them).

Belongs here: arguments and printing. Does not belong: anything that decides.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from orchestration.identity.config import RulesError
from orchestration.identity.decisions import Decision, DecisionError, Key, read_decisions
from orchestration.identity.desk import explanation_table, history_tables, import_decisions, review_table
from orchestration.identity.explain import explain, waterfall_svg
from orchestration.identity.increment import place
from orchestration.identity.records import RecordsError
from orchestration.identity.resolve import train
from orchestration.identity.score import read_map, score
from orchestration.identity.state import DECISIONS
from orchestration.settings import Settings, get_settings


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        _run(options)
    except (RulesError, RecordsError, DecisionError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _run(options: argparse.Namespace) -> None:
    settings, console = get_settings(), Console()
    match options.command:
        case "score":
            print(json.dumps(score(options.file, options.truth, read_map(options.columns)), indent=2))
        case "train":
            console.print(train(settings.exchange / "identity_records.parquet", settings.identity))
        case "place":
            console.print(place(options.file, settings.exchange, settings.identity, options.out))
        case "review":
            console.print(review_table(settings.exchange, options.limit))
        case "history":
            console.print(*history_tables(settings.exchange, options.person_id))
        case "explain":
            _explain(options, settings, console)
        case "decide":
            standing = import_decisions(settings.identity, [_decision(options)])
            console.print(f"{standing} decisions stand; the next night applies them")
        case "import":
            standing = import_decisions(settings.identity, read_decisions(options.file))
            console.print(f"{standing} decisions stand; the next night applies them")
        case "export":
            shutil.copyfile(settings.identity / DECISIONS, options.file)


def _explain(options: argparse.Namespace, settings: Settings, console: Console) -> None:
    why = explain(settings.exchange / "identity_records.parquet", settings.identity, _key(options.a), _key(options.b))
    console.print(explanation_table(why))
    if options.svg:
        options.svg.write_text(waterfall_svg(why))


def _key(text: str) -> Key:
    system, _, record = text.partition(":")
    return system, record


def _decision(options: argparse.Namespace) -> Decision:
    (system_a, record_a), (system_b, record_b) = _key(options.a), _key(options.b)
    return Decision(
        source_system_a=system_a,
        source_record_id_a=record_a,
        source_system_b=system_b,
        source_record_id_b=record_b,
        verdict=options.verdict,
        decided_by=options.by,
        reason=options.reason,
        decided_on=datetime.now(UTC).date(),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m orchestration.identity", description="Who is one person.")
    commands = parser.add_subparsers(dest="command", required=True)
    scoring = commands.add_parser("score", help="score matching on a labelled file")
    scoring.add_argument("file", type=Path, nargs="+", help="CSV or Parquet, one or two")
    scoring.add_argument("--truth", required=True, metavar="COLUMN", help="column that names the true person")
    scoring.add_argument("--columns", type=Path, metavar="MAP", help="YAML: how the file's columns are read")
    commands.add_parser("train", help="train the model that nights use from now on")
    placing = commands.add_parser("place", help="which persons of last night new identities are, without a night")
    placing.add_argument("file", type=Path, help="Parquet with the columns of identity_records")
    placing.add_argument("out", type=Path, help="Parquet to write")
    review = commands.add_parser("review", help="pairs that wait for a steward")
    review.add_argument("--limit", type=int, default=20)
    history = commands.add_parser("history", help="what happened to a person id")
    history.add_argument("person_id", type=int)
    deciding = commands.add_parser("decide", help="two source identities are one person, or are not")
    deciding.add_argument("a", help="source_system:source_record_id")
    deciding.add_argument("b", help="source_system:source_record_id")
    deciding.add_argument("verdict", choices=["MATCH", "NO_MATCH"])
    deciding.add_argument("--by", required=True)
    deciding.add_argument("--reason", required=True)
    explaining = commands.add_parser("explain", help="what speaks for and against two identities being one person")
    explaining.add_argument("a", help="source_system:source_record_id")
    explaining.add_argument("b", help="source_system:source_record_id")
    explaining.add_argument("--svg", type=Path, help="also draw a waterfall (protected health information)")
    for name in ("import", "export"):
        transfer = commands.add_parser(name, help=f"{name} decisions as CSV")
        transfer.add_argument("file", type=Path)
    return parser


if __name__ == "__main__":
    sys.exit(main())
