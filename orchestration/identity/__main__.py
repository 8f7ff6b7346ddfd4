"""Command line of identity: ``python -m orchestration.identity COMMAND`` (``--help`` lists them).

Belongs here: arguments and printing. Does not belong: anything that decides.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console

from orchestration.identity.config import RulesError
from orchestration.identity.decisions import Decision, DecisionError, Key, read_decisions, write_decisions
from orchestration.identity.desk import (
    explanation_table,
    history_tables,
    import_decisions,
    last_night,
    review_table,
    unknown_identities,
)
from orchestration.identity.explain import explain, waterfall_svg
from orchestration.identity.increment import place
from orchestration.identity.outputs import output_file
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
            console.print(train(output_file(settings.exchange, "identity_records"), settings.identity))
        case "place":
            console.print(place(options.file, settings.exchange, settings.identity, options.out))
        case "review":
            console.print(review_table(settings.exchange, settings.identity, options.limit))
        case "history":
            console.print(*history_tables(settings.exchange, options.person))
        case "explain":
            _explain(options, settings, console)
        case "decide":
            _take(settings, console, [_decision(options)])
        case "import":
            if not options.file.exists():
                raise FileNotFoundError(f"{options.file.name} does not exist")
            _take(settings, console, read_decisions(options.file))
        case "export":
            write_decisions(options.file, read_decisions(settings.identity / DECISIONS))


def _take(settings: Settings, console: Console, decisions: list[Decision]) -> None:
    standing = import_decisions(settings.identity, decisions)
    console.print(f"{standing} decisions stand; the next night applies them")
    if unknown := unknown_identities(settings.exchange, decisions):
        console.print(f"{unknown} of the identities named were not among last night's: a typing error, or not yet here")


def _explain(options: argparse.Namespace, settings: Settings, console: Console) -> None:
    records = output_file(settings.exchange, "identity_records")
    why = explain(records, settings.identity, options.a, options.b)
    console.print(explanation_table(why), f"last night: {last_night(settings.exchange, options.a, options.b)}")
    if options.svg:
        options.svg.write_text(waterfall_svg(why))


def _key(text: str) -> Key:
    system, _, record = text.partition(":")
    if not system or not record:
        raise argparse.ArgumentTypeError("an identity is written as source_system:source_record_id")
    return system, record


def _person(text: str) -> int | Key:
    return int(text) if text.isdigit() else _key(text)


def _decision(options: argparse.Namespace) -> Decision:
    (system_a, record_a), (system_b, record_b) = options.a, options.b
    if options.a == options.b:
        raise DecisionError("a decision needs two different source identities")
    try:
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
    except ValidationError:
        raise DecisionError("a decision needs who decided and why") from None


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
    history = commands.add_parser("history", help="what happened to a person")
    history.add_argument("person", type=_person, help="person id, or source_system:source_record_id")
    deciding = commands.add_parser("decide", help="two source identities are one person, or are not")
    _add_pair(deciding)
    deciding.add_argument("verdict", choices=["MATCH", "NO_MATCH"])
    deciding.add_argument("--by", required=True)
    deciding.add_argument("--reason", required=True)
    explaining = commands.add_parser("explain", help="what speaks for and against two identities being one person")
    _add_pair(explaining)
    explaining.add_argument("--svg", type=Path, help="also draw a waterfall (protected health information)")
    for name in ("import", "export"):
        transfer = commands.add_parser(name, help=f"{name} decisions as CSV")
        transfer.add_argument("file", type=Path)
    return parser


def _add_pair(parser: argparse.ArgumentParser) -> None:
    for name in ("a", "b"):
        parser.add_argument(name, type=_key, help="source_system:source_record_id")


if __name__ == "__main__":
    sys.exit(main())
