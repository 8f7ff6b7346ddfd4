"""Qualtrics response exports (CSV): three header rows, or two in the legacy form; mapped by ImportId.

Belongs here: the header, the standard columns, answers by the declared question map.
Does not belong: what a score says (marts). Comments go to a table of their own, which never leaves staging.

Dates carry no offset: the zone is the one that the header states (``timeZone`` beside the ImportId), else the declared.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Literal
from zoneinfo import available_timezones

import orjson
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, model_validator

from orchestration.lake.duck import quote
from orchestration.lake.landing import LandedFile
from orchestration.lake.raw import RawBatch
from orchestration.pull import delimited, questions, typed
from orchestration.pull.cells import cell, row_cells
from orchestration.pull.columns import Column
from orchestration.pull.delimited import Dialect
from orchestration.pull.ndjson import field
from orchestration.pull.paths import path_matches, signature_of
from orchestration.pull.questions import Question
from orchestration.pull.rows import Rule, SideTable
from orchestration.pull.typed import TypedTable

_DIALECT = Dialect(header_rows=3)
_ZONE, _FILE = "timeZone", "survey file"

_FIELDS = {
    "response_id": field("_recordId", required=True),
    "status": field("status"),
    "progress": field("progress", type="integer", min=0, max=100),
    "duration_seconds": field("duration", type="duration", unit="s"),
    "is_finished": field("finished", type="boolean"),
    "last_name": field("recipientLastName"),
    "first_name": field("recipientFirstName"),
    "email": field("recipientEmail"),
    "external_reference": field("externalDataReference"),
    "channel": field("distributionChannel"),
    "language": field("userLanguage"),
    "survey_file": field(_FILE),
}
_TIMES = {"started_at": "startDate", "ended_at": "endDate", "recorded_at": "recordedDate"}

#: Embedded data that links a response: raw column to the field's default name.
EMBEDDED = ("survey_id", "invitation_id", "department_id", "encounter_id", "contact_id", "birth_date")

#: Columns of the legacy header (names in its second row) and the ImportIds they have today.
_LEGACY = {
    "ResponseID": "_recordId",
    "ExternalDataReference": "externalDataReference",
    "EmailAddress": "recipientEmail",
    "Status": "status",
    "StartDate": "startDate",
    "EndDate": "endDate",
    "Finished": "finished",
}


class Qualtrics(BaseModel):
    """Reader of Qualtrics exports; ``questions`` is keyed by ImportId (legacy files: by the name in the first row)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["qualtrics"]
    path: str = "**/*.csv"
    zone: str | None = Field(default=None, description="Zone of the dates of files whose header states none.")
    ambiguous: Literal["reject", "earlier", "later"] = "reject"
    questions: dict[str, Question] = Field(min_length=1)
    embedded: dict[str, str] = Field(default={}, description="Raw column to this survey's embedded data field.")
    ehr_id_space: str = "ehr"

    @model_validator(mode="after")
    def _coherent(self) -> Qualtrics:
        Column(type="timestamp", zone=self.zone)
        if unknown := sorted(set(self.embedded) - set(EMBEDDED)):
            raise ValueError(f"embedded: {unknown} are no columns; columns are {list(EMBEDDED)}")
        return self

    @property
    def signature(self) -> str:
        """Changes with the declaration and with the code that reads by it."""
        return signature_of(self.model_dump_json(), sys.modules[__name__], questions, delimited, *typed.MODULES)

    @property
    def tables(self) -> dict[str, pa.Schema]:
        """`response`, `answer` (one row per scored answer) and `comment`."""
        table = self._table
        sides = {side.name: side.schema for side in table.side_tables}
        return {table.name: table.row_table.schema, **sides}

    def accepts(self, name: str) -> bool:
        """Whether the delivered path matches."""
        return path_matches(name, self.path)

    def count(self, path: Path) -> int:
        """Responses of a file: rows below its header."""
        return delimited.count_rows(path, replace(_DIALECT, header_rows=len(_header(path))))

    def lacking(self, path: Path) -> list[str]:
        """Mapped questions that the header of an export does not have: nobody was asked them."""
        header = _header(path)
        ids = _import_ids(header)[0] if header else []
        return [question for question in self.questions if header and question not in ids]

    def parse(self, files: Sequence[LandedFile], out: RawBatch) -> None:
        """Write responses, answers, comments, `records` and `rejects`."""
        names = list(dict.fromkeys([*self._table.cell_names, *self.questions, _ZONE]))
        self._table.write(row_cells(files, names, lambda file: self._batches(file, names)), out)

    @property
    def _table(self) -> TypedTable:
        times = {name: field(at, type="timestamp", ambiguous=self.ambiguous) for name, at in _TIMES.items()}
        embedded = {name: field(self.embedded.get(name, name)) for name in EMBEDDED}
        space = {"ehr_id_space": field("", constant=self.ehr_id_space)}
        return TypedTable(
            name="response",
            columns={**_FIELDS, **times, **embedded, **space},
            record_id="response_id",
            version_at="coalesce(recorded_at, ended_at)",
            zone=cell(_ZONE),
            checks=[rule for key, question in self.questions.items() for rule in _score_rules(key, question)],
            side_tables=[self._answers, self._comments],
        )

    @property
    def _answers(self) -> SideTable:
        scored = {key: question for key, question in self.questions.items() if question.metric != "comment"}
        answers = ", ".join(_answer(key, question) for key, question in scored.items())
        columns = dict.fromkeys(("response_id", "question_id", "metric", "raw_value"), "varchar")
        columns |= {"score": "double", "scale_min": "double", "scale_max": "double"}
        columns |= dict.fromkeys(("scale_direction", *INSTRUMENT), "varchar")
        return SideTable("answer", columns, _unnested(answers), tuple(cell(key) for key in scored))

    @property
    def _comments(self) -> SideTable:
        open_questions = [key for key, question in self.questions.items() if question.metric == "comment"]
        comments = ", ".join(f"{{'question_id': {quote(key)}, 'raw_value': {cell(key)}}}" for key in open_questions)
        query = f"select *, raw_value as comment from ({_unnested(comments or _NO_ANSWER)})"
        columns = dict.fromkeys(("response_id", "question_id", "comment"), "varchar")
        return SideTable("comment", columns, query, tuple(cell(key) for key in open_questions))

    def _batches(self, file: LandedFile, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        header = _header(file.path)
        if not header:
            return
        ids, stated = _import_ids(header)
        zone = stated or self.zone
        fault = None if zone in available_timezones() else "zone_unknown"
        if any(ids.count(name) > 1 for name in names):
            fault = "header_duplicate"
        positions = [ids.index(name) if name in ids else None for name in names]
        dialect = replace(_DIALECT, header_rows=len(header))
        constants = {_ZONE: "UTC" if fault else zone, _FILE: PurePosixPath(file.name).name.split(".")[0]}
        for batch in delimited.read_rows(file, dialect, positions, len(ids), fault):
            yield _with_constants(batch, names, constants)


#: What an answer says about the standard instrument that its question is an item of.
INSTRUMENT = ("instrument", "instrument_version", "item", "composite")
_NO_ANSWER = "{'question_id': null::varchar, 'raw_value': null::varchar}"


def _header(path: Path) -> list[list[str]]:
    """Return the header rows: three where the third holds ImportIds, else the two of the legacy form."""
    rows = delimited.read_header(path, _DIALECT)
    return rows if len(rows) == 3 and _import_id(rows[2][0]) else rows[:2]


def _import_ids(header: list[list[str]]) -> tuple[list[str], str | None]:
    """Return the ImportId of each column and the zone that the header states."""
    if len(header) == 3:
        spec = [_import_id(text) for text in header[2]]
        zones = [one["timeZone"] for one in spec if "timeZone" in one]
        return [one.get("ImportId", name) for one, name in zip(spec, header[0], strict=False)], next(iter(zones), None)
    texts = header[-1]
    return [_LEGACY.get(text, name) for name, text in zip(header[0], texts, strict=False)], None


def _import_id(text: str) -> dict[str, str]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _literal(text: str | None) -> str:
    return f"{'null' if text is None else quote(text)}::varchar"


def _answer(key: str, question: Question) -> str:
    """Return the SQL of one answer as a struct; an answer that says the question does not apply is none."""
    told = {
        "question_id": quote(key),
        "metric": quote(question.metric),
        "raw_value": f"case when not {_does_not_apply(key, question)} then {cell(key)} end",
        "score": _score(key, question),
        "scale_min": f"{question.scale_min}::double",
        "scale_max": f"{question.scale_max}::double",
        "scale_direction": quote(question.direction),
    }
    told |= {name: _literal(getattr(question, name)) for name in INSTRUMENT}
    return "{" + ", ".join(f"'{name}': {value}" for name, value in told.items()) + "}"


def _does_not_apply(key: str, question: Question) -> str:
    texts = [quote(text) for text, score in question.values.items() if score is None]
    return f"coalesce({cell(key)} in ({', '.join(texts)}), false)" if texts else "false"


def _score(key: str, question: Question) -> str:
    whens = " ".join(
        f"when {quote(text)} then {'null' if score is None else score}" for text, score in question.values.items()
    )
    number = f"try_cast({cell(key)} as double)"
    return f"case {cell(key)} {whens} else {number} end" if whens else number


def _score_rules(key: str, question: Question) -> list[Rule]:
    if question.metric == "comment":
        return []
    score = _score(key, question)
    return [
        Rule(
            "value_unknown",
            key,
            f"{cell(key)} is not null and {score} is null and not {_does_not_apply(key, question)}",
        ),
        Rule("score_out_of_scale", key, f"not ({score} between {question.scale_min} and {question.scale_max})"),
    ]


def _unnested(answers: str) -> str:
    return (
        "select file_id, line, feed, response_id, answer.* from (select file_id, line, feed, response_id, "
        f"unnest([{answers}]) as answer from judged where fault is null) where answer.raw_value is not null"
    )


def _with_constants(batch: pa.RecordBatch, names: Sequence[str], constants: dict[str, str | None]) -> pa.RecordBatch:
    for name, value in constants.items():
        at = f"c{names.index(name)}"
        column = pa.repeat(pa.scalar(value, pa.string()), batch.num_rows)
        batch = batch.set_column(batch.schema.get_field_index(at), at, column)
    return batch
