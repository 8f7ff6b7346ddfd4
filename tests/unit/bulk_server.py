"""A FHIR Bulk Data server in this process, on a free loopback port, that plays what real servers do.

Belongs here: the server's behaviours, each switched on by a test. Does not belong: any expectation.
"""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.unit.loopback import served

TIME = "2024-05-01T10:00:00.000Z"


@dataclass
class BulkServer:
    """What the server holds and how it behaves; ``asked`` is every request as "METHOD path"."""

    files: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    errors: list[Any] = field(default_factory=list)
    key: RSAKey | ECKey | None = None
    pages: bool = False
    release: str = "4.0.1"
    polls: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    trouble: dict[str, list[int]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    token_seconds: int = 300
    token_error: str = ""
    granted: str = "system/*.rs"
    error_files: int = 1
    manifest_text: str = ""
    asked: list[str] = field(default_factory=list)
    queries: list[dict[str, list[str]]] = field(default_factory=list)
    url: str = ""
    _tokens: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def revoke_tokens(self) -> None:
        """Make every token given so far invalid."""
        self._tokens.clear()

    @contextmanager
    def running(self) -> Iterator[BulkServer]:
        """Serve until the block ends."""
        with served(self._answer) as self.url:
            yield self

    async def _answer(self, request: Request) -> Response:
        path = request.path_params["path"]
        with self._lock:
            self.asked.append(f"{request.method} {path}")
            trouble = self.trouble.get(path)
            status = trouble.pop(0) if trouble else 0
        if status:
            return JSONResponse({"resourceType": "OperationOutcome", "issue": [{"code": "transient"}]}, status)
        if path == "token":
            return self._token((await request.body()).decode())
        if path in (".well-known/smart-configuration", "metadata"):
            return JSONResponse({"token_endpoint": f"{self.url}/token", "fhirVersion": self.release})
        if self.key and request.headers.get("Authorization", "").removeprefix("Bearer ") not in self._tokens:
            return Response(status_code=401)
        return self._open(request, path)

    def _open(self, request: Request, path: str) -> Response:
        if path.endswith("$export"):
            self.queries.append(parse_qs(request.url.query))
            return Response(status_code=202, headers={"Content-Location": f"{self.url}/job"})
        if path in ("job", "job-2"):
            return self._job(request.method, path)
        return self._file(path, "gzip" in request.headers.get("Accept-Encoding", ""))

    def _token(self, body: str) -> Response:
        form = parse_qs(body)
        assert self.key
        claims = jwt.decode(form["client_assertion"][0], self.key, algorithms=["RS384", "ES384"]).claims
        if self.token_error or claims["aud"] != f"{self.url}/token" or claims["iss"] != claims["sub"]:
            return JSONResponse({"error": self.token_error or "invalid_client"}, 400)
        token = claims["jti"]
        self._tokens.add(token)
        told = {"token_type": "bearer", "expires_in": self.token_seconds, "scope": self.granted}
        return JSONResponse({"access_token": token, **told})

    def _job(self, method: str, path: str) -> Response:
        if method == "DELETE":
            return Response(status_code=202)
        if self.polls:
            status, headers = self.polls.pop(0)
            return Response(status_code=status, headers=headers)
        if self.manifest_text:
            return Response(self.manifest_text)
        names = list(self.files)
        shown = (names[1:] if path == "job-2" else names[:1]) if self.pages else names
        manifest: dict[str, Any] = {
            "transactionTime": TIME,
            "requiresAccessToken": bool(self.key),
            "output": [
                {"type": n.split("-")[0], "url": f"{self.url}/{n}", "count": self.counts.get(n, len(self.files[n]))}
                for n in shown
            ],
            "deleted": [{"type": "Bundle", "url": f"{self.url}/deleted", "count": 1}] if self.deleted else [],
            "error": [
                {"type": "OperationOutcome", "url": f"{self.url}/error?{number}"}
                for number in range(self.error_files if self.errors else 0)
            ],
        }
        if self.pages and path == "job":
            manifest["link"] = [{"relation": "next", "url": f"{self.url}/job-2"}]
        return JSONResponse(manifest)

    def _file(self, path: str, packed: bool) -> Response:
        entries = [{"request": {"method": "DELETE", "url": url}} for url in self.deleted]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        lines = {**self.files, "deleted": [bundle], "error": self.errors}.get(path)
        if lines is None:
            return Response(status_code=404)
        content = "".join(json.dumps(line) + "\n" for line in lines).encode()
        headers = {"Content-Encoding": "gzip"} if packed else {}
        return Response(gzip.compress(content) if packed else content, headers=headers)
