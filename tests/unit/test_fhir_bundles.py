"""Bundles and arrays are read as streams: any block size, any damage, and memory that does not grow with the file."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.pull.fhir_bundles import count_records, document_reader, holds_documents
from orchestration.pull.json_stream import ArrayElements
from tests.unit.fhir_deliveries import BAD, FINE
from tests.unit.test_fhir_files import Parsed, parsed

__all__ = ["parsed"]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def blocks(text: bytes, size: int) -> Iterator[bytes]:
    """Cut a text into blocks."""
    return (text[start : start + size] for start in range(0, len(text), size))


@given(st.lists(JSON, max_size=6), st.integers(1, 40), st.sampled_from([None, 2]), st.booleans())
def test_elements_are_those_that_json_knows(values: list[Any], size: int, indent: int | None, is_ascii: bool) -> None:
    elements = ArrayElements(blocks(json.dumps(values, indent=indent, ensure_ascii=is_ascii).encode(), size))
    assert [json.loads(element) for element in elements] == values
    assert json.loads(elements.around) == []


@given(st.dictionaries(st.text(max_size=6), JSON, max_size=3), st.lists(JSON, max_size=4), st.integers(1, 40))
def test_a_member_is_told_from_what_stands_around_it(around: dict[str, Any], values: list[Any], size: int) -> None:
    around = {name: value for name, value in around.items() if name != "entry"}
    document = {"before": {"entry": [1]}} | around | {"entry": values, "after": "entry"}
    elements = ArrayElements(blocks(json.dumps(document).encode(), size), "entry")
    assert [json.loads(element) for element in elements] == values
    assert json.loads(elements.around) == document | {"entry": []}


@pytest.mark.parametrize(
    ("broken", "told", "around"),
    [
        (b'{"entry":[{"a":1},{"b":"x', [b'{"a":1}', b'{"b":"x'], b'{"entry":['),
        (b'{"entry":[{"a":1}, ', [b'{"a":1}'], b'{"entry":['),
        (b'{"entry":{"a":[1]}}', [], b'{"entry":{"a":[1]}}'),
        (b'[{"a":1}] x', [b'{"a":1}'], b"[] x"),
    ],
)
def test_what_a_broken_document_holds_is_told(broken: bytes, told: list[bytes], around: bytes) -> None:
    elements = ArrayElements(blocks(broken, 5))
    if broken.startswith(b"{"):
        elements = ArrayElements(blocks(broken, 5), "entry")
    assert list(elements) == told
    assert elements.around == around


def bundle(number: int, size: int) -> bytes:
    """A Bundle of ``number`` patients, each about ``size`` bytes."""
    entries = [
        {"fullUrl": f"http://server/{n}", "resource": {"resourceType": "Patient", "id": str(n), "language": "x" * size}}
        for n in range(number)
    ]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()


def test_a_truncated_bundle_loses_its_last_record_only(parsed: Parsed) -> None:
    parsed.add("all.json", bundle(3, 10)[:-30]).read()
    assert parsed.rows("select line, table_name, parse_state from records order by line") == [
        (1, "patient", "parsed"),
        (2, "patient", "parsed"),
        (3, "unknown", "rejected"),
        (4, "unknown", "rejected"),  # the document that never ended
    ]
    assert parsed.rows("select line, rule from rejects order by line") == [(3, "json_invalid"), (4, "json_invalid")]


def test_an_entry_with_a_key_twice_is_rejected_alone(parsed: Parsed) -> None:
    twice = FINE[:-1] + b', "status": "planned"}'
    entries = b",".join(b'{"resource": %s}' % record for record in (BAD, twice, BAD.replace(b"e99", b"e98")))
    parsed.add("all.json", b'{"resourceType": "Bundle", "type": "collection", "entry": [%s]}' % entries).read()
    states = parsed.rows("select line, parse_state from records order by line")
    assert states == [(1, "parsed"), (2, "rejected"), (3, "parsed")]
    assert parsed.rows("select line, rule from rejects") == [(2, "key_repeated")]


def test_entries_of_any_shape_are_records(parsed: Parsed) -> None:
    entries = [None, 3, "x", [], {}, {"resource": []}, {"request": "DELETE"}, {"resource": {"resourceType": "Patient"}}]
    text = json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries})
    parsed.add("odd.json", text.encode()).add("odd.ndjson", text.encode()).read()
    states = parsed.rows("select count(*), count(*) filter (parse_state = 'rejected') from records")
    assert states == [(16, 16)]  # the patient has no id


def test_memory_is_that_of_a_record(tmp_path: Path) -> None:
    path = tmp_path / "all.json"
    path.write_bytes(bundle(4_000, 10_000))
    assert holds_documents(path, path.name)
    tracemalloc.start()
    assert count_records(path, path.name) == 4_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < path.stat().st_size / 4
    assert document_reader([]).read_all().num_rows == 0
