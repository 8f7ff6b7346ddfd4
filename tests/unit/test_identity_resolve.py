"""Identity: who becomes one person, who never does, and ids that stay."""

from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest

from orchestration.identity import (
    Decision,
    IdentityReport,
    RecordsError,
    advance,
    place,
    read_decisions,
    resolve,
    write_decisions,
)
from orchestration.identity.__main__ import main
from orchestration.identity.columns import RECORD_COLUMNS
from orchestration.settings import Settings

FIELDS = list(RECORD_COLUMNS)
NIGHT = datetime(2025, 1, 1)


def identity(source: str, key: str, **fields: str) -> dict[str, str]:
    return {"source_system": source, "source_record_id": key} | fields


class Night:
    """A hospital's identity folder over several nights."""

    def __init__(self, folder: Path) -> None:
        self.exchange, self.home = folder / "exchange", folder / "identity"
        self.exchange.mkdir()

    def run(
        self,
        *identities: dict[str, str],
        publish: bool = True,
        as_of: datetime = NIGHT,
        truth: Path | None = None,
    ) -> IdentityReport:
        """Resolve one night's identities and publish them."""
        path = self.write("identity_records", *identities)
        report = resolve(path, self.exchange, self.home, as_of=as_of, truth=truth)
        if publish:
            advance(self.exchange, self.home)
        return report

    def write(self, name: str, *identities: dict[str, str]) -> Path:
        """Write identities as dbt hands them over."""
        path = self.exchange / f"{name}.parquet"
        with duckdb.connect() as con:
            con.execute(f"create table t ({', '.join(f'{name} varchar' for name in FIELDS)})")
            if identities:
                con.executemany(
                    f"insert into t values ({', '.join('?' * len(FIELDS))})",
                    [[row.get(name) for name in FIELDS] for row in identities],
                )
            con.execute(f"copy (select * replace (valid_from::timestamp as valid_from) from t) to '{path}'")
        return path

    def persons(self) -> dict[str, int]:
        """Return the person of each source identity."""
        return dict(self.read("person_crosswalk", "source_record_id, person_id"))

    def read(self, table: str, columns: str = "*") -> list[tuple]:
        """Return the rows of one output."""
        return duckdb.sql(f"select {columns} from '{self.exchange / table}.parquet'").fetchall()

    def decide(self, verdict: str, *pairs: tuple[str, str], source: str = "ehr") -> None:
        """Let a steward decide on pairs of identities."""
        write_decisions(self.home / "decisions.csv", [_said((source, a), (source, b), verdict) for a, b in pairs])


def _said(a: tuple[str, str], b: tuple[str, str], verdict: str) -> Decision:
    return Decision(
        source_system_a=a[0], source_record_id_a=a[1], source_system_b=b[0], source_record_id_b=b[1],
        verdict=verdict, decided_by="steward", reason="charts compared", decided_on=date(2024, 12, 1),
    )  # fmt: skip


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return Night(tmp_path)


ANNA = identity(
    "ehr", "anna", mrn_system="h", mrn="1", given="Anna", family="Lee", birth_date="1980-02-01", phone="(212) 555-0101",
    email="lees@example.org", zip="10001", subscriber_id="W100", dependent_code="01",
)  # fmt: skip
BETH = identity(
    "ehr", "beth", mrn_system="h", mrn="2", given="Beth", family="Lee", birth_date="1980-02-01", phone="212-555-0101",
    email="lees@example.org", zip="10001", subscriber_id="W100", dependent_code="02",
)  # fmt: skip


def test_sources_join_by_trusted_identifiers(night: Night) -> None:
    report = night.run(
        ANNA,
        identity("portal", "p", email="LEES@example.org", birth_date="1980-02-01", given="Anna"),
        identity("call_center", "c1", mrn_system="h", mrn="1"),
        identity("call_center", "c2", phone="+1 212 555 0101", given="anna", family="lee"),
        identity("billing", "b", member_id="W100-01", given="Ann"),
    )
    persons = night.persons()
    assert set(persons) == {"anna", "p", "c1", "c2", "b"}
    assert len(set(persons.values())) == report.persons == 1
    grades = dict(night.read("person_crosswalk", "source_record_id, grade"))
    assert grades == {"anna": "certain", "p": "certain", "c1": "certain", "c2": "probable", "b": "certain"}


def test_twins_who_share_everything_but_the_first_name_stay_two(night: Night) -> None:
    night.run(
        ANNA, BETH,
        identity("portal", "p", email="lees@example.org", birth_date="1980-02-01"),
        identity("billing", "b", subscriber_id="W100", given="Beth", birth_date="1980-02-01"),
        identity("surveys", "s", mrn_system="h", mrn="2", given="Beth"),
    )  # fmt: skip
    persons = night.persons()
    assert persons["anna"] != persons["beth"]
    assert persons["s"] == persons["beth"]
    # an e-mail address and a birth date alone fit both: the account is somebody, but nobody knows whose
    assert persons["p"] not in (persons["anna"], persons["beth"])


def test_twins_under_a_parents_e_mail_stay_two_without_insurance(night: Night) -> None:
    uninsured = {"subscriber_id": "", "dependent_code": ""}
    account = identity("portal", "p", email="lees@example.org", birth_date="1980-02-01")
    report = night.run(ANNA | uninsured, BETH | uninsured, account)
    persons = night.persons()
    assert len({persons["anna"], persons["beth"], persons["p"]}) == 3
    assert report.ambiguous_records == 1


def test_a_mistyped_mrn_does_not_merge(night: Night) -> None:
    night.run(ANNA, identity("surveys", "s", mrn_system="h", mrn="1", given="Robert", birth_date="1951-07-09"))
    persons = night.persons()
    assert persons["anna"] != persons["s"]


def test_father_and_son_of_one_name_are_two_and_a_bare_call_goes_to_review(night: Night) -> None:
    shared = {"given": "John", "family": "Hill", "phone": "2125550199"}
    report = night.run(
        identity("ehr", "senior", mrn_system="h", mrn="8", birth_date="1950-01-01", **shared),
        identity("ehr", "junior", mrn_system="h", mrn="9", birth_date="1980-05-05", **shared),
        identity("call_center", "c", **shared),
    )
    persons = night.persons()
    assert persons["senior"] != persons["junior"]
    assert "c" not in persons  # not evidence enough to be somebody of its own
    assert report.ambiguous_records == 1
    assert {row[0] for row in night.read("identity_review_queue", "reason")} == {"ambiguous"}


def test_identities_without_evidence_are_nobody(night: Night) -> None:
    report = night.run(
        ANNA, identity("call_center", "c1", phone="2125550000"), identity("call_center", "c2", phone="2125550000"),
        identity("surveys", "s"),
    )  # fmt: skip
    assert set(night.persons()) == {"anna"}
    assert report.without_person == 3
    assert report.attached == {"call_center": 0, "ehr": 1, "surveys": 0}


def test_a_telephone_of_many_names_is_no_evidence(night: Night) -> None:
    names = ["ann", "bob", "carl", "dora", "emil", "fred", "gus", "hal", "ida", "jack", "kurt", "lea", "max", "ned"]
    people = [
        identity("ehr", f"e{i}", mrn_system="h", mrn=str(i), given=n, family="Doe", phone="2125550000")
        for i, n in enumerate(names)
    ]
    night.run(*people, identity("call_center", "c", given="ann", family="Doe", phone="2125550000"))
    assert "c" not in night.persons()


def test_ids_stay_over_nights_and_an_unpublished_night_changes_nothing(night: Night) -> None:
    caller = identity("call_center", "c", mrn_system="h", mrn="1")
    night.run(ANNA, BETH)
    first = night.persons()
    report = night.run(ANNA, BETH, caller)
    second = night.persons()
    assert {k: second[k] for k in first} == first
    assert second["c"] == first["anna"]
    assert (report.kept_share, report.minted) == (1, 0)
    night.run(identity("ehr", "new", mrn_system="h", mrn="7"), publish=False)
    night.run(ANNA, BETH, caller)
    assert night.persons() == second


def test_a_caller_who_is_known_later_joins_and_an_unmerge_takes_the_call_away(night: Night) -> None:
    caller = identity("call_center", "c", given="anna", family="lee", phone="2125550101")
    night.run(BETH, caller)
    assert "c" not in night.persons()
    night.run(BETH, ANNA, caller)
    assert night.persons()["c"] == night.persons()["anna"]
    write_decisions(night.home / "decisions.csv", [_said(("ehr", "anna"), ("call_center", "c"), "NO_MATCH")])
    night.run(BETH, ANNA, caller)
    assert "c" not in night.persons()


def test_a_call_stays_with_whom_its_number_led_to_until_that_proves_wrong(night: Night) -> None:
    caller = identity("call_center", "c", given="anna", family="lee", phone="2125550101")
    moved = ANNA | {"phone": "2125550177", "family": "Ott", "subscriber_id": "W9"}
    night.run(ANNA, caller)
    before = night.persons()
    for _ in range(2):
        assert night.run(moved, caller).kept_share == 1
        assert night.persons() == before
    assert ("kept", "phone_name") in night.read("identity_edges", "stage, rule")
    write_decisions(night.home / "decisions.csv", [_said(("ehr", "anna"), ("call_center", "c"), "NO_MATCH")])
    night.run(moved, caller)
    assert "c" not in night.persons()
    write_decisions(night.home / "decisions.csv", [])
    night.run(moved, caller)
    assert night.persons() == before  # the tie is as old as before the decision


@pytest.mark.parametrize(
    "chart, call",
    [
        ({"birth_date": "1981-02-01"}, {}),  # the chart was wrong about who she is
        ({}, {"phone": "2125550188"}),  # the call was wrong about the number
        ({"mrn": "2"}, {}),  # another chart
    ],
)
def test_a_tie_is_no_longer_than_what_it_rests_on(night: Night, chart: dict[str, str], call: dict[str, str]) -> None:
    caller = identity("call_center", "c", given="anna", family="lee", phone="2125550101")
    night.run(ANNA, caller)
    night.run(ANNA | {"phone": "2125550177"} | chart, caller | call)
    assert "c" not in night.persons()


def test_identities_without_any_identifier_are_nobody_and_none_is_lost(night: Night) -> None:
    report = night.run(ANNA, *(identity("call_center", f"c{i}") for i in range(2000)))
    assert (report.identities, report.persons, report.without_person) == (2001, 1, 2000)
    assert report.attached["call_center"] == 0
    assert night.read("identity_edges", "count(*)") == [(0,)]


def test_new_identities_are_placed_among_last_nights_persons(night: Night) -> None:
    night.run(ANNA, BETH)
    new = night.write(
        "new",
        identity("call_center", "c1", mrn_system="h", mrn="1"),
        identity("call_center", "c2", given="beth", family="lee", phone="2125550101"),
        identity("portal", "p", given="carl", family="ott", birth_date="1950-03-03", email="carl@example.org"),
        BETH | {"phone": "2125550102"},
    )
    placement = place(new, night.exchange, night.home, night.exchange / "placed.parquet")
    placed = {row[0]: row[1:] for row in night.read("placed", "source_record_id, person_id, grade")}
    persons = night.persons()
    assert (placement.identities, placement.placed) == (4, 3)
    assert placed == {
        "beth": (persons["beth"], "certain"),
        "c1": (persons["anna"], "certain"),
        "c2": (persons["beth"], "probable"),
        "p": (None, None),
    }
    assert night.persons() == {"anna": persons["anna"], "beth": persons["beth"]}  # nothing has changed


def test_run_metrics_keep_every_published_night(night: Night) -> None:
    for day, callers in ((1, 0), (2, 1), (2, 1), (3, 1)):
        calls = [identity("call_center", "c", mrn_system="h", mrn="1")] * callers
        night.run(ANNA, BETH, *calls, as_of=datetime(2025, 1, day))
    persons = night.read("identity_run_metrics", "as_of, metric, value")
    assert [(at.day, value) for at, metric, value in sorted(persons) if metric == "identities"] == [
        (1, 2),
        (2, 3),
        (3, 3),
    ]
    sources = {row[0] for row in night.read("identity_run_metrics", "source_system")}
    assert sources == {None, "ehr", "call_center"}


def test_precision_and_recall_are_measured_where_the_truth_is_known(night: Night) -> None:
    truth = night.home.parent / "truth.csv"
    truth.write_text("source_system,source_record_id,true_person\nehr,anna,1\nehr,beth,1\ncall_center,c,1\n")
    night.run(ANNA, BETH, identity("call_center", "c", mrn_system="h", mrn="1"), truth=truth)
    metrics = dict(night.read("identity_run_metrics", "metric, value"))
    assert (metrics["pair_precision"], metrics["pair_recall"]) == (1, pytest.approx(1 / 3))


def test_a_merge_and_its_undoing_restore_the_ids(night: Night) -> None:
    duplicate = identity("ehr", "anna2", mrn_system="h", mrn="3", given="Anne", family="Ho", birth_date="1980-02-01")
    night.run(ANNA, duplicate)
    before = night.persons()
    merged = night.run(ANNA, duplicate | {"links_to": "anna"})
    assert night.persons() == {"anna": before["anna"], "anna2": before["anna"]}
    assert merged.merged == 1
    old = {row[0]: row[1] for row in night.read("identity_persons", "person_id, merged_into")}
    assert old[before["anna2"]] == before["anna"]  # last month's id still resolves
    undone = night.run(ANNA, duplicate)
    assert night.persons() == before
    assert undone.split == 1
    assert {row[0] for row in night.read("identity_persons", "merged_into")} == {None}


def test_decisions_are_kept_apart_or_together_against_the_rules(night: Night) -> None:
    copy = ANNA | {"source_record_id": "anna2"}
    night.run(ANNA, copy)
    assert len(set(night.persons().values())) == 1
    night.decide("NO_MATCH", ("anna", "anna2"))
    night.run(ANNA, copy)
    assert len(set(night.persons().values())) == 2
    night.decide("MATCH", ("anna", "beth"), ("beth", "nobody"))
    report = night.run(ANNA, BETH)
    assert len(set(night.persons().values())) == 1
    assert (report.decisions, report.unknown_decisions, report.contradictory_decisions) == (2, 1, 0)


def test_a_match_holds_though_it_parts_both_from_what_made_them_somebody(night: Night) -> None:
    """A call by phone and a bill of a household, each somebody's until a steward says that they are one person."""
    caller = identity("call_center", "c", given="anna", family="lee", phone="2125550101")
    carl = identity(
        "ehr", "carl", mrn_system="h", mrn="5", given="Carl", family="Ott", birth_date="1950-03-03", phone="2125550177"
    )
    other = identity("call_center", "d", given="carl", family="ott", phone="2125550177")
    night.run(ANNA, carl, caller, other)
    assert night.persons()["c"] != night.persons()["d"]
    write_decisions(night.home / "decisions.csv", [_said(("call_center", "c"), ("call_center", "d"), "MATCH")])
    night.run(ANNA, carl, caller, other)
    assert night.persons()["c"] == night.persons()["d"]


def test_contradictory_decisions_are_counted_and_never_merge(night: Night) -> None:
    anna2, anna3 = ANNA | {"source_record_id": "anna2"}, ANNA | {"source_record_id": "anna3"}
    night.decide("MATCH", ("anna", "anna2"), ("anna2", "anna3"))
    with (night.home / "decisions.csv").open("a") as file:
        file.write("ehr,anna,ehr,anna3,NO_MATCH,steward,charts compared,2024-12-02,\n")
    report = night.run(ANNA, anna2, anna3)
    persons = night.persons()
    assert report.contradictory_decisions == 1
    assert persons["anna"] != persons["anna3"]


def test_empty_and_repeated_input(night: Night) -> None:
    assert night.run().persons == 0
    assert night.persons() == {}
    with pytest.raises(RecordsError, match="1 keys"):
        night.run(ANNA, ANNA)


def test_a_telephone_of_thousands_does_not_blow_up(night: Night) -> None:
    callers = [
        identity("portal", f"p{i}", given="Pat", family="Doe", phone="2125550000", email=f"{i}@example.org")
        for i in range(3000)
    ]
    report = night.run(ANNA, *callers)
    edges = night.read("identity_edges", "count(*)")[0][0]
    assert report.identities == 3001
    assert edges < 10 * 3001


def test_the_desk_keeps_decisions_that_agree(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestration.identity.__main__.get_settings", lambda: Settings(home=night.home.parent))
    said = ["--by", "steward", "--reason", "charts compared"]
    assert main(["decide", "ehr:anna", "ehr:beth", "MATCH", *said]) == 0
    assert main(["decide", "ehr:beth", "ehr:carl", "MATCH", *said]) == 0
    assert main(["decide", "ehr:carl", "ehr:anna", "NO_MATCH", *said]) == 2  # contradicts the chain
    assert main(["decide", "ehr:beth", "ehr:anna", "NO_MATCH", *said]) == 0  # a change of mind
    assert {(d.a[1], d.b[1], d.verdict) for d in read_decisions(night.home / "decisions.csv")} == {
        ("beth", "carl", "MATCH"),
        ("beth", "anna", "NO_MATCH"),
    }
    night.run(ANNA, BETH)
    assert main(["review"]) == 0
    assert main(["history", str(night.persons()["anna"])]) == 0


def test_the_desk_refuses_what_it_cannot_use_and_changes_nothing(
    night: Night, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("orchestration.identity.__main__.get_settings", lambda: Settings(home=night.home.parent))
    said = ["--by", "steward", "--reason", "charts compared"]
    for before_any_night in (["review"], ["history", "7"], ["explain", "ehr:anna", "ehr:beth"], ["train"]):
        assert main(before_any_night) == 2
        assert "run a night first" in capsys.readouterr().err
    night.run(ANNA, BETH)
    with pytest.raises(SystemExit):
        main(["decide", "anna", "ehr:beth", "MATCH", *said])
    assert main(["decide", "ehr:anna", "ehr:anna", "MATCH", *said]) == 2
    assert main(["decide", "ehr:anna", "ehr:beth", "MATCH", "--by", " ", "--reason", "x"]) == 2
    assert main(["import", str(night.home / "nowhere.csv")]) == 2
    assert main(["history", "ehr:nobody"]) == 2
    assert main(["history", "7"]) == 2
    assert read_decisions(night.home / "decisions.csv") == []
    capsys.readouterr()
    assert main(["decide", "ehr:anna", "ehr:beht", "MATCH", *said]) == 0
    assert "1 of the identities named were not among" in capsys.readouterr().out


def test_the_desk_shows_pairs_as_it_takes_them_until_they_are_decided(
    night: Night, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("orchestration.identity.__main__.get_settings", lambda: Settings(home=night.home.parent))
    monkeypatch.setenv("COLUMNS", "60")
    account = identity("portal", "an-account-with-a-long-name", email="lees@example.org", birth_date="1980-02-01")
    night.run(ANNA, BETH, account)
    assert main(["review"]) == 0
    printed = capsys.readouterr().out
    assert "2 of 2 pairs" in printed
    assert "\u2026" not in printed  # nothing is cut short
    pair = ["portal:an-account-with-a-long-name", "ehr:anna"]
    assert main(["decide", *pair, "MATCH", "--by", "steward", "--reason", "she said so"]) == 0
    assert main(["review"]) == 0
    assert "1 of 1 pairs" in capsys.readouterr().out
    assert main(["explain", *pair]) == 0
    assert "last night: two persons" in capsys.readouterr().out
    night.run(ANNA, BETH, account)
    assert main(["explain", *pair]) == 0
    assert "last night: one person" in capsys.readouterr().out
    monkeypatch.setenv("COLUMNS", "160")
    assert main(["history", pair[0]]) == 0
    assert str(night.persons()["anna"]) in capsys.readouterr().out
    copy = night.home / "copy.csv"
    assert main(["export", str(copy)]) == 0
    assert read_decisions(copy) == read_decisions(night.home / "decisions.csv") != []
