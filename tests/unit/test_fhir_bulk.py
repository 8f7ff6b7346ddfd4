"""Bulk exports: whole data or a clear failure, whatever the server does, and nothing downloaded twice."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey, RSAKey

from orchestration.pull.fhir_auth import AccessDeniedError, SmartCredentials
from orchestration.pull.fhir_bulk import BulkExport, ExportFailedError, ExportReport, export
from orchestration.pull.fhir_bulk_state import ExportState, Running
from orchestration.pull.fhir_http import FhirHttp, FhirServerError, retry_after
from tests.unit.bulk_server import TIME, BulkServer

PATIENTS = [{"resourceType": "Patient", "id": f"p{number}"} for number in range(3)]
ENCOUNTERS = [{"resourceType": "Encounter", "id": "e1"}]


@pytest.fixture
def server() -> Iterator[BulkServer]:
    with BulkServer({"Patient-1": PATIENTS[:2], "Patient-2": PATIENTS[2:], "Encounter-1": ENCOUNTERS}).running() as one:
        yield one


class Client:
    """Exports into a folder; ``waited`` is how long it would have slept."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.waited = folder, list[float]()

    def export(self, server: BulkServer, **declared: Any) -> ExportReport:
        """Run one export."""
        http = FhirHttp(server.url, attempts=4, wait=self.waited.append)
        try:
            said = BulkExport(feed="ehr", url=server.url, **declared)
            return export(said, self.folder / "state", self.folder / "ehr", http)
        finally:
            http.close()

    def delivered(self) -> dict[str, list[str]]:
        """Ids delivered by file type; the manifest has to be there with them."""
        found: dict[str, list[str]] = {}
        for path in sorted((self.folder / "ehr").glob("*.ndjson")):
            for line in path.read_text().splitlines():
                found.setdefault(path.name.split(".")[0], []).append(json.loads(line).get("id", ""))
        return found


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(tmp_path)


WHOLE = {"Patient": ["p0", "p1", "p2"], "Encounter": ["e1"]}


def test_everything_arrives_with_a_manifest_that_dates_it(server: BulkServer, client: Client) -> None:
    report = client.export(server)
    assert client.delivered() == WHOLE
    assert (report.files, report.records, report.transaction_time, report.warnings) == (3, 4, TIME, [])
    manifest = json.loads((client.folder / "ehr" / "manifest.json").read_text())
    assert manifest["transactionTime"] == TIME
    assert manifest["output"][0] == {"type": "Patient", "count": 2}
    assert server.asked[-1] == "DELETE job"
    assert sorted(p.name for p in (client.folder / "state").rglob("*") if p.is_file()) == ["last.json"]


def test_the_next_export_asks_for_what_changed_since(server: BulkServer, client: Client) -> None:
    asked = {"types": ["Patient", "Encounter"], "type_filters": ["Encounter?status=finished"], "group": "7"}
    client.export(server, **asked)
    client.export(server, **asked)
    client.export(server, **asked, partial_manifests=True)
    assert not {"_since", "allowPartialManifests"} & set(server.queries[0])
    assert server.queries[2]["allowPartialManifests"] == ["true"]
    assert server.queries[0]["_type"] == ["Patient,Encounter"]
    assert server.queries[0]["_typeFilter"] == ["Encounter?status=finished"]
    assert server.queries[1]["_since"] == [TIME]
    assert "GET Group/7/$export" in server.asked


def test_it_waits_as_long_as_it_is_asked_to(server: BulkServer, client: Client) -> None:
    epoch = str(int(time.time()) + 100)
    server.polls = [(202, {"Retry-After": "7"}), (429, {"Retry-After": epoch}), (202, {"X-Progress": "half"})]
    client.export(server)
    assert client.waited[0] == 7
    assert 95 < client.waited[1] <= 100
    assert client.waited[2] == 10
    assert client.delivered() == WHOLE


def test_retry_after_is_seconds_a_date_or_an_epoch_and_capped() -> None:
    def asked(stated: str) -> float | None:
        return retry_after(httpx.Response(429, headers={"Retry-After": stated}), now=1_700_000_000)

    assert asked("12") == 12
    assert asked("1700000030") == 30
    assert asked("1700000030000") == 30
    assert asked("Tue, 14 Nov 2023 22:14:20 GMT") == 60
    assert asked("999999") == 300
    assert asked("-5") == 0
    assert asked("soon") is None


def test_passing_troubles_are_overcome(server: BulkServer, client: Client) -> None:
    server.trouble = {"$export": [503], "job": [500, 502], "Patient-1": [503, 408, 504], "Encounter-1": [429]}
    client.export(server)
    assert client.delivered() == WHOLE


def test_a_lasting_trouble_fails_after_the_rest_and_is_resumed(server: BulkServer, client: Client) -> None:
    server.trouble = {"Patient-2": [500] * 4}
    with pytest.raises(ExportFailedError, match="Patient file 1 failed: the server answered 500"):
        client.export(server)
    assert client.delivered() == {}
    client.export(server)
    assert client.delivered() == WHOLE
    assert server.asked.count("GET Patient-1") == server.asked.count("GET Encounter-1") == 1
    assert server.asked.count("GET $export") == 1


def test_a_killed_wait_goes_on_with_the_same_job(server: BulkServer, client: Client) -> None:
    server.polls = [(202, {})]
    http = FhirHttp(server.url, wait=_killed)
    with pytest.raises(KeyboardInterrupt):
        export(BulkExport(feed="ehr", url=server.url), client.folder / "state", client.folder / "ehr", http)
    client.export(server)
    assert client.delivered() == WHOLE
    assert server.asked.count("GET $export") == 1


def test_a_run_killed_while_it_delivers_goes_on(
    server: BulkServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = list[str]()

    def killed_at_the_second(self: Path, target: Path) -> Path:
        moved.extend([target.name] if target.parent.name == "ehr" and target.suffix == ".ndjson" else [])
        if len(moved) == 2:
            raise KeyboardInterrupt
        return rename(self, target)

    with monkeypatch.context() as patched:
        rename = Path.replace
        patched.setattr(Path, "replace", killed_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            client.export(server)
    report = client.export(server)
    assert client.delivered() == WHOLE
    assert (report.files, report.records) == (3, 4)
    assert server.asked.count("GET Patient-1") == 1


def _killed(seconds: float) -> None:
    raise KeyboardInterrupt


def test_a_forgotten_job_is_asked_for_again(server: BulkServer, client: Client) -> None:
    test_a_killed_wait_goes_on_with_the_same_job(server, client)
    server.polls = [(202, {})]
    http = FhirHttp(server.url, wait=_killed)
    with pytest.raises(KeyboardInterrupt):
        export(BulkExport(feed="ehr", url=server.url), client.folder / "state", client.folder / "ehr", http)
    server.polls = [(404, {})]
    client.export(server)
    assert server.asked.count("GET $export") == 3


@pytest.mark.parametrize(("status", "exports"), [(503, 1), (500, 2)])
def test_a_job_outlives_a_busy_server_but_not_its_own_failure(
    server: BulkServer, client: Client, status: int, exports: int
) -> None:
    server.trouble = {"job": [status] * 4}
    with pytest.raises(FhirServerError, match=f"{status} transient"):
        client.export(server)
    client.export(server)
    assert client.delivered() == WHOLE
    assert server.asked.count("GET $export") == exports


def test_expired_files_fail_clearly_and_then_are_exported_anew(server: BulkServer, client: Client) -> None:
    server.trouble = {"Patient-2": [410]}
    with pytest.raises(ExportFailedError, match=r"Patient file 1 failed: the server answered 410"):
        client.export(server)
    client.export(server)
    assert client.delivered() == WHOLE
    assert server.asked.count("GET $export") == 2


def test_a_manifest_of_several_pages_is_read_to_its_end(server: BulkServer, client: Client) -> None:
    server.pages = True
    assert client.export(server).files == 3
    assert client.delivered() == WHOLE


def test_deletions_are_delivered(server: BulkServer, client: Client) -> None:
    server.deleted = ["Patient/p9"]
    client.export(server)
    (path,) = (client.folder / "ehr").glob("deleted.*.ndjson")
    assert json.loads(path.read_text())["entry"][0]["request"]["url"] == "Patient/p9"


def test_errors_of_the_server_fail_or_warn_by_severity(server: BulkServer, client: Client) -> None:
    server.errors = [_outcome("information", "informational"), _outcome("error", "exception", "Ann Lee")]
    with pytest.raises(ExportFailedError, match="1 × error exception") as failure:
        client.export(server)
    assert "Ann" not in str(failure.value)
    report = client.export(server, when_incomplete="warn")
    assert report.warnings == [
        "the server reports 1 × information informational", "the server reports 1 × error exception",
    ]  # fmt: skip
    assert client.delivered() == WHOLE


def test_errors_are_counted_over_all_files_of_errors(server: BulkServer, client: Client) -> None:
    server.errors, server.error_files = [_outcome("error", "exception"), _outcome("error", "exception")], 3
    with pytest.raises(ExportFailedError, match=r"ehr: the server reports 6 × error exception; "):
        client.export(server)


def test_errors_that_cannot_be_read_are_errors(server: BulkServer, client: Client) -> None:
    server.errors = ["Ann Lee"]
    with pytest.raises(ExportFailedError, match=r"ehr: the server reports 1 × error unreadable; "):
        client.export(server)


def test_a_manifest_that_cannot_be_read_is_a_clear_failure(server: BulkServer, client: Client) -> None:
    server.manifest_text = "<html>Ann Lee</html>"
    with pytest.raises(ExportFailedError, match="ehr: the manifest of the export cannot be read"):
        client.export(server)
    server.manifest_text = ""
    client.export(server)
    assert client.delivered() == WHOLE
    assert server.asked.count("GET $export") == 1


def _outcome(severity: str, code: str, text: str = "") -> dict[str, Any]:
    return {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": code, "diagnostics": text}]}


def test_too_few_records_are_noticed(server: BulkServer, client: Client) -> None:
    server.counts = {"Encounter-1": 2}
    with pytest.raises(ExportFailedError, match="Encounter file 2 has 1 records, the manifest says 2"):
        client.export(server)


def test_a_type_that_is_silently_absent_is_reported(server: BulkServer, client: Client) -> None:
    report = client.export(server, types=["Patient", "Slot"])
    assert report.warnings == ["no Slot in the export, though it was asked for"]


def test_another_release_is_refused(server: BulkServer, client: Client) -> None:
    server.release = "5.0.0"
    with pytest.raises(ExportFailedError, match=r"the server speaks FHIR 5\.0\.0; R4 and R4B are read"):
        client.export(server)
    client.export(server, try_other_releases=True)


@pytest.mark.parametrize("form", ["RSA JWK", "EC JWK set", "RSA PEM", "EC PEM"])
def test_a_secured_server_is_asked_with_a_signed_assertion(server: BulkServer, client: Client, form: str) -> None:
    server.key = ECKey.generate_key("P-384") if form.startswith("EC") else RSAKey.generate_key(2048)
    client.export(server, credentials=_credentials(client, server.key, form))
    assert client.delivered() == WHOLE
    assert server.asked.count("POST token") == 1


def _credentials(client: Client, key: RSAKey | ECKey, form: str = "JWK") -> SmartCredentials:
    path = client.folder / "key"
    if "PEM" in form:
        path.write_bytes(key.as_pem(private=True))
    else:
        stated = key.as_dict(private=True) | {"kid": "k1"}
        path.write_text(json.dumps({"keys": [stated]} if "set" in form else stated))
    return SmartCredentials(client_id="journeys", key_file=path)


def test_tokens_are_renewed_before_they_expire_and_on_refusal(server: BulkServer, client: Client) -> None:
    server.key = RSAKey.generate_key(2048)
    server.token_seconds = 1
    client.export(server, credentials=_credentials(client, server.key), parallel=1)
    assert server.asked.count("POST token") >= 5
    server.token_seconds, server.trouble = 300, {"Patient-1": [401]}
    before = server.asked.count("POST token")
    client.export(server, credentials=_credentials(client, server.key), parallel=1)
    assert server.asked.count("POST token") == before + 2


def test_a_scope_narrower_than_asked_for_is_reported(server: BulkServer, client: Client) -> None:
    server.key, server.granted = RSAKey.generate_key(2048), "system/Patient.rs system/Slot.rs"
    report = client.export(server, credentials=_credentials(client, server.key))
    assert report.warnings == ["the server granted less than the scope asked for: system/*"]


def test_a_scope_too_narrow_is_a_clear_refusal(server: BulkServer, client: Client) -> None:
    server.key, server.token_error = RSAKey.generate_key(2048), "invalid_scope"
    with pytest.raises(AccessDeniedError, match="no access token: 400 invalid_scope"):
        client.export(server, credentials=_credentials(client, server.key))
    server.token_error, server.trouble = "", {"$export": [403]}
    with pytest.raises(FhirServerError, match="403 transient"):
        client.export(server, credentials=_credentials(client, server.key))


def test_downloads_write_the_state_one_at_a_time(tmp_path: Path) -> None:
    state = ExportState(tmp_path)
    state.start(Running(status_url="http://127.0.0.1/job"))

    def download(number: int) -> None:
        state.finished(f"file{number}", number)
        if number % 2:
            state.unfinished(f"file{number}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(download, range(300)))
    assert ExportState(tmp_path).running.done == {f"file{number}": number for number in range(0, 300, 2)}
