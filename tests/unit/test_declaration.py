"""A mistake in a declaration stops the load and says in which file and line it is, and what was probably meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.declaration import DeclarationError
from orchestration.pull.source import load_sources
from orchestration.settings import SOURCE_DEFINITIONS

GOOD = """\
type: orchestration.components.source.SourceComponent
attributes:
  name: calls
  folders: "calls*"
  description: Calls.
  owners: [team:data]
  ready: {stable_seconds: 60}
  readers:
    - kind: table
      table: call
      path: "*.csv"
      zone: America/New_York
      record_id: [call_id]
      columns:
        call_id: {required: true}
        caller: {}
        talk:
          type: duration
          unit: s
      rules:
        - {rule: positive, requires: talk >= 0}
  identities:
    - table: call
      columns:
        identity_id: call_id
        phone: caller
"""


def _load(tmp_path: Path, text: str) -> str:
    """Return what is said about a declaration, without the folder's name."""
    path = tmp_path / "calls" / "defs.yaml"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(DeclarationError) as raised:
        load_sources(tmp_path)
    return str(raised.value).replace(f"{path}:", "")


def test_a_good_declaration_loads(tmp_path):
    path = tmp_path / "calls" / "defs.yaml"
    path.parent.mkdir()
    path.write_text(GOOD)
    (source,) = load_sources(tmp_path)
    assert (source.name, source.ready.stable_seconds, list(source.tables)) == ("calls", 60, ["call"])


def test_the_project_s_own_declarations_load():
    assert {"billing", "call_center", "ehr", "portal", "staff", "surveys"} <= {
        source.name for source in load_sources(SOURCE_DEFINITIONS)
    }


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("owners:", "owner:", "6: owner: there is no such key here; did you mean 'owners'?"),
        ("zone: Am", "zones: Am", "12: readers.0.zones: there is no such key here; did you mean 'zone'?"),
        ("unit: s", "units: s", "19: readers.0.columns.talk.units: there is no such key here; did you mean 'unit'?"),
        ("kind: table", "kind: tabel", "9: readers.0: 'tabel' is not known here; did you mean 'table'?"),
        ("duration", "durations", "18: readers.0.columns.talk.type: 'durations' is not known here; did you mean"),
        ("New_York", "NewYork", "12: readers.0.zone: 'America/NewYork' is no IANA time zone (as Europe/Berlin); did"),
        ("[call_id]", "[callid]", "13: readers.0.record_id: no column 'callid'; did you mean 'call_id'?"),
        ("talk >= 0", "tlak >= 0", '20: readers.0.rules: Binder Error: Referenced column "tlak" not found'),
        ("- table: call", "- table: calls", "23: identities.0.table: no table 'calls'; did you mean 'call'?"),
        ("phone: caller", "phon: caller", "26: identities.0.columns.phon: no identity column; did you mean 'phone'?"),
        (
            "phone: caller",
            "phone: callr",
            '26: identities.0.columns.phone: Binder Error: Referenced column "callr" not',
        ),
        ("        caller: {}", "        call_id: {}", "16: call_id: this key stands twice"),
        ('"*.csv"', '"*.csv', "found unexpected end of stream"),
        ("      table: call\n", "", "9: readers.0: `table` is missing"),
        ("stable_seconds: 60", "stable_seconds: -1", "7: ready.stable_seconds: input should be greater than or equal"),
        (
            "caller: {}",
            "caller: {values: {Yes: y}}",
            "16: readers.0.columns.caller.values: True is no text; write it in",
        ),
        (
            "  identities:",
            "    - kind: table\n      table: call\n      path: x\n      record_id: [caller]\n      columns:\n"
            "        caller: {type: integer}\n  identities:",
            "27: readers.1.columns.caller: column 'caller' of 'call' has another type in another reader",
        ),
        ("table: call", "table: records", "9: readers.0: every source has a table 'records' of its own"),
        ("attributes:", "attribute:", "1: `attributes` is missing"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_what_was_meant(tmp_path, old, new, said):
    assert said in _load(tmp_path, GOOD.replace(old, new, 1))


def test_all_mistakes_are_told_at_once(tmp_path):
    text = GOOD.replace("owners:", "owner:").replace("unit: s", "units: s")
    assert [line.split(":")[0] for line in _load(tmp_path, text).splitlines()] == ["3", "19", "6"]


def test_two_sources_of_one_name_are_told(tmp_path):
    for folder in ("calls", "calls_copy"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "defs.yaml").write_text(GOOD)
    with pytest.raises(DeclarationError, match=r"calls_copy/defs.yaml:1: name: another source is called 'calls'"):
        load_sources(tmp_path)
