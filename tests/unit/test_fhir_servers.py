"""What servers get wrong and what people declare wrong: whole data all the same, or words that say what to do."""

from __future__ import annotations

import errno
import gzip
import json
import socket
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey, RSAKey

from orchestration.pull.fhir_auth import AccessDeniedError, SmartCredentials
from orchestration.pull.fhir_bulk import BulkExport, ExportFailedError, ExportReport, export
from orchestration.pull.fhir_http import FhirHttp, FhirServerError
from orchestration.pull.fhir_manifest import issues, listed
from orchestration.pull.servers import FeedFailedError
from orchestration.pull.source import load_sources, pull
from orchestration.settings import SOURCE_DEFINITIONS, Settings
from tests.unit.bulk_server import TIME, BulkServer

PATIENTS = [{"resourceType": "Patient", "id": f"p{number}"} for number in range(3)]


@pytest.fixture
def server() -> Iterator[BulkServer]:
    with BulkServer({"Patient-1": PATIENTS[:2], "Patient-2": PATIENTS[2:]}).running() as one:
        yield one


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    return tmp_path / "ehr"


def exported(server: BulkServer, feed: Path, waits: list[float] | None = None, **declared: Any) -> ExportReport:
    """Run one export into ``feed``; ``waits`` takes how long it would have slept."""
    http = FhirHttp(server.url, attempts=4, wait=(waits if waits is not None else []).append)
    try:
        return export(BulkExport(feed="ehr", url=server.url, **declared), feed.parent / "state", feed, http)
    finally:
        http.close()


def ids(feed: Path) -> list[str]:
    return sorted(json.loads(line)["id"] for path in feed.glob("*.ndjson") for line in path.read_text().splitlines())


WHOLE = ["p0", "p1", "p2"]


def test_a_moment_that_has_passed_is_no_reason_to_hurry(server: BulkServer, feed: Path) -> None:
    server.polls = [(202, {"Retry-After": "0"}), (429, {"Retry-After": "1500000000"}), (202, {})]
    waits = list[float]()
    exported(server, feed, waits)
    assert len(waits) == 3
    assert min(waits) >= 1


def test_a_server_that_is_busy_is_told_while_it_is_waited_for(
    server: BulkServer, feed: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server.polls = [(429, {"Retry-After": "300"})]
    with caplog.at_level("INFO", "orchestration"):
        exported(server, feed)
    assert "127.0.0.1: 429; asked again in 300 s" in caplog.text


def test_discovery_is_tried_again(server: BulkServer, feed: Path) -> None:
    server.key = RSAKey.generate_key(2048)
    server.trouble = {".well-known/smart-configuration": [503, 429]}
    exported(server, feed, credentials=credentials(feed.parent, server.key))
    assert ids(feed) == WHOLE


def credentials(folder: Path, key: RSAKey | ECKey, **said: Any) -> SmartCredentials:
    path = folder / "key"
    path.write_text(json.dumps(key.as_dict(private=True)))
    return SmartCredentials(client_id="journeys", key_file=path, **said)


MANIFESTS = [
    '{"output": {"Ann Lee": 1}}',
    '{"output": ["Ann Lee"]}',
    '{"output": [{"type": "Patient", "url": {"Ann": "Lee"}}]}',
    '{"output": [{"type": "Patient", "url": "Patient-1", "count": "Ann Lee"}]}',
    '{"link": ["Ann Lee"]}',
    '{"link": [{"relation": "next", "href": "Ann Lee"}]}',
    '{"transactionTime": "Ann Lee"}',
    '{"transactionTime": "2024-05-01T10:00:00"}',
    '{"transactionTime": 5}',
    '["Ann Lee"]',
]


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_a_manifest_of_another_shape_is_a_clear_failure(server: BulkServer, feed: Path, manifest: str) -> None:
    server.manifest_text = manifest
    with pytest.raises(ExportFailedError, match="ehr: the manifest of the export cannot be read") as failure:
        exported(server, feed)
    assert "Ann" not in str(failure.value)
    assert not feed.exists()


def test_pages_in_a_circle_are_a_clear_failure(server: BulkServer, feed: Path) -> None:
    server.manifest_text = '{"link": [{"relation": "next", "url": "job-2"}]}'
    with pytest.raises(ExportFailedError, match="ehr: the pages of the manifest lead in a circle"):
        exported(server, feed)


def test_a_file_that_is_listed_twice_is_one_file(server: BulkServer, feed: Path) -> None:
    named = [{"type": "Patient", "url": f"/{name}"} for name in ("Patient-1", "Patient-2", "Patient-1")]
    server.manifest_text = json.dumps({"transactionTime": TIME, "output": named, "error": None, "link": None})
    assert exported(server, feed).records == 3
    assert ids(feed) == WHOLE


def test_a_type_is_never_a_path(server: BulkServer, feed: Path) -> None:
    named = [{"type": "../../Patient", "url": "/Patient-1"}, {"type": "Patient", "url": "/Patient-2"}]
    server.manifest_text = json.dumps({"transactionTime": TIME, "output": named})
    exported(server, feed)
    assert ids(feed) == WHOLE
    assert sorted(path.name.split(".")[0] for path in feed.glob("*.ndjson")) == ["Patient", "unknown"]


def test_each_page_says_whether_its_files_want_the_token() -> None:
    files = [{"type": "Patient", "url": "a"}]
    pages = [listed({"requiresAccessToken": said, "output": files}, "http://127.0.0.1/job") for said in (True, False)]
    assert [page.files[0].requires_token for page in pages] == [True, False]


def test_words_of_a_server_that_are_no_codes_stay_out() -> None:
    assert issues(b'{"issue": [{"severity": "Ann", "code": "Ann Lee"}]}') == [("error", "unknown")]


def test_what_is_declared_otherwise_is_exported_whole(server: BulkServer, feed: Path) -> None:
    server.key, server.granted = RSAKey.generate_key(2048), "system/Patient.rs"
    said = credentials(feed.parent, server.key)
    exported(server, feed, credentials=said, types=["Patient"])
    exported(server, feed, credentials=said, types=["Patient", "Encounter"])
    exported(server, feed, credentials=said, types=["Patient", "Encounter"], parallel=2)
    server.granted = "system/*.rs"
    exported(server, feed, credentials=said, types=["Patient", "Encounter"])
    assert ["_since" in query for query in server.queries] == [False, False, True, False]


def test_what_was_missing_is_asked_for_again(server: BulkServer, feed: Path) -> None:
    server.trouble = {"Patient-2": [410]}
    assert exported(server, feed, when_incomplete="warn").records == 2
    exported(server, feed, when_incomplete="warn")
    exported(server, feed, when_incomplete="warn")
    assert ["_since" in query for query in server.queries] == [False, False, True]
    assert sorted(set(ids(feed))) == WHOLE


def test_an_interrupted_export_of_something_else_is_not_gone_on_with(server: BulkServer, feed: Path) -> None:
    server.trouble = {"Patient-2": [500] * 4}
    with pytest.raises(ExportFailedError):
        exported(server, feed, types=["Patient"])
    exported(server, feed, level="patient")
    assert server.asked.count("GET Patient/$export") == 1
    assert ids(feed) == WHOLE


def broken_off(packed: bool) -> Iterator[str]:
    """Serve a file of two thousand lines in two members, cut off in the second, then whole."""
    content = b'{"resourceType":"Patient","id":"p"}\n' * 1000
    body = gzip.compress(content) * 2 if packed else content * 2
    answers = [body[:-30], body]
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for answer in answers:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1 << 16)
                coding = b"Content-Encoding: gzip\r\n" if packed else b""
                connection.sendall(b"HTTP/1.1 200 OK\r\n" + coding + b"Connection: close\r\n\r\n" + answer)

    threading.Thread(target=serve, daemon=True).start()
    with listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"


def test_a_packed_file_that_breaks_off_is_fetched_again(tmp_path: Path) -> None:
    for url in broken_off(packed=True):
        http = FhirHttp(url, wait=lambda _: None)
        http.download(url, tmp_path / "file", with_token=False)
        http.close()
    assert (tmp_path / "file").read_bytes().count(b"\n") == 2000


def test_a_full_disk_is_said(server: BulkServer, feed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Path.open

    def full(self: Path, *mode: Any) -> Any:
        if self.suffix == ".part":
            raise OSError(errno.ENOSPC, "No space left on device", str(self))
        return opened(self, *mode)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(ExportFailedError, match="Patient file 0 failed: No space left on device"):
        exported(server, feed)


def test_a_server_that_went_away_is_not_asked_for_every_file(server: BulkServer, feed: Path) -> None:
    named = [{"type": "Patient", "url": f"http://127.0.0.1:9/{number}"} for number in range(50)]
    server.manifest_text = json.dumps(
        {"transactionTime": TIME, "output": [*named, {"type": "Patient", "url": "/Patient-1"}]}
    )
    waits = list[float]()
    with pytest.raises(
        ExportFailedError, match=r"Patient file 0 failed: ConnectError; .* fetches only what is missing"
    ):
        exported(server, feed, waits, parallel=1)
    assert len(waits) == 3
    assert "GET Patient-1" in server.asked


def test_many_files_that_fail_are_not_all_told(server: BulkServer, feed: Path) -> None:
    server.manifest_text = json.dumps(
        {"transactionTime": TIME, "output": [{"type": "Patient", "url": f"/none{number}"} for number in range(900)]}
    )
    with pytest.raises(ExportFailedError, match="and 895 more problems; the next run asks for a new export") as failure:
        exported(server, feed)
    assert len(str(failure.value)) < 500


@pytest.mark.parametrize(
    ("content", "said", "told"),
    [
        (None, {}, "cannot read the key file .*/key: No such file or directory"),
        ("hello", {}, "key holds no private RSA or EC key that could sign"),
        ("{}", {}, "key holds no private RSA or EC key that could sign"),
        ("[]", {}, "key holds no private RSA or EC key that could sign"),
        ("-----BEGIN PRIVATE KEY-----\nhello\n-----END PRIVATE KEY-----\n", {}, "key holds no private RSA or EC key"),
        ("RSA", {"key_id": "k9"}, "key holds no private RSA or EC key of the name 'k9'"),
        ("RSA", {"algorithm": "ES384"}, "the key in key does not fit ES384"),
        ("P-256", {}, "the key in key does not fit ES384"),
        ("encrypted", {}, "key holds no private RSA or EC key that could sign without a password"),
    ],
)
def test_a_key_that_does_not_fit_is_said(
    server: BulkServer, feed: Path, content: str | None, said: dict[str, Any], told: str
) -> None:
    server.key = RSAKey.generate_key(2048)
    path = feed.parent / "key"
    if content == "encrypted":
        path.write_bytes(server.key.as_pem(private=True, password="secret"))
    elif content in ("RSA", "P-256"):
        key = ECKey.generate_key("P-256") if content == "P-256" else server.key
        path.write_text(json.dumps(key.as_dict(private=True) | {"kid": "k1"}))
    elif content:
        path.write_text(content)
    with pytest.raises(AccessDeniedError, match=told):
        exported(server, feed, credentials=SmartCredentials(client_id="journeys", key_file=path, **said))


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (400, "types"),
        (401, "declare `credentials`"),
        (403, "`scope`"),
        (404, "is `url` the base address of the FHIR server?"),
    ],
)
def test_a_refusal_says_what_to_look_at(server: BulkServer, feed: Path, status: int, told: str) -> None:
    server.trouble = {"$export": [status]}
    with pytest.raises(FhirServerError, match=f"{status} transient") as failure:
        exported(server, feed)
    assert told in str(failure.value)


def test_a_dead_server_keeps_no_other_feed_waiting(server: BulkServer, settings: Settings) -> None:
    (ehr,) = (source for source in load_sources(SOURCE_DEFINITIONS) if source.name == "ehr")
    dead = BulkExport(feed="ehr_portal", url="http://127.0.0.1:9/fhir")
    both = ehr.model_copy(update={"servers": [dead, BulkExport(feed="ehr", url=server.url)]})
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("orchestration.pull.fhir_http.time.sleep", lambda _: None)
        with pytest.raises(
            FeedFailedError, match=r"ehr_portal: no connection to http://127\.0\.0\.1:9/fhir"
        ) as failure:
            pull(both, settings)
    assert "Connection refused" in str(failure.value)
    landed = [path for path in (settings.landing / "ehr").rglob("*.ndjson") if path.parent.parent.name == "ehr"]
    assert len(landed) == 2


def test_what_a_killed_run_brought_keeps_its_date(server: BulkServer, settings: Settings) -> None:
    (ehr,) = (source for source in load_sources(SOURCE_DEFINITIONS) if source.name == "ehr")
    asked = BulkExport(feed="ehr", url=server.url)
    export(asked, settings.exports / "ehr", settings.delivery_root / "ehr")
    server.manifest_text = json.dumps({"transactionTime": "2024-05-02T10:00:00Z", "output": []})
    pull(ehr.model_copy(update={"servers": [asked]}), settings)
    manifests = [json.loads(path.read_text()) for path in (settings.landing / "ehr" / "ehr").rglob("manifest.json")]
    assert {datetime.fromisoformat(one["delivered_at"]).day for one in manifests} == {1}
