"""Talking to a server: patience with busy servers and broken lines, whole files or none.

Belongs here: retries, waiting times, downloads, for FHIR servers and others that answer JSON. Does not belong: what is
asked for (``fhir_bulk``, ``fhir_search``, ``genesys_api``), tokens (``fhir_auth``). Errors name the address without its
query and the server's code words, never its free text.
"""

from __future__ import annotations

import logging
import os
import re
import time
import zlib
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from orchestration.pull.lines import gunzipped

log = logging.getLogger(__name__)

#: Answers after which the same question may be asked again.
TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
#: Answers that say that what was there is not there any more.
GONE = frozenset({404, 410})
#: Answers that say nothing of what is asked for, only of who asks.
DENIED = frozenset({401, 403})
_LONGEST_WAIT = 300.0

#: What to look at where a server refuses.
_HINTS = {
    400: "does it know what is asked for (types, type_filters, group)?",
    401: "it wants another token: declare `credentials`, or is this client still registered?",
    403: "does the credentials' `scope` cover what is asked for?",
    404: "is `url` the base address of the FHIR server?",
}
_BUSY = "it was busy or broken at every attempt; the next run goes on from here"

T = TypeVar("T")


class FhirServerError(RuntimeError):
    """The server's answer is final: ``status``, its code words and what to look at."""

    def __init__(self, response: httpx.Response) -> None:
        """Keep the status, the address without query, the OperationOutcome's codes."""
        self.status = response.status_code
        address = str(response.request.url.copy_with(query=None, username=None, password=None))
        hint = _BUSY if self.status in TRANSIENT else _HINTS.get(self.status)
        super().__init__("; ".join(filter(None, (" ".join([address, str(self.status), *_codes(response)]), hint))))


class _BusyError(Exception):
    """The server asks for patience."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(str(response.status_code))
        self.response = response


#: What another attempt may cure; an HTTPStatusError is a token endpoint that is busy.
_TRYABLE = (_BusyError, httpx.TransportError, httpx.DecodingError, httpx.HTTPStatusError)


class FhirHttp:
    """A FHIR server over HTTP. ``attempts`` tries a request; ``wait`` sleeps (tests replace it)."""

    def __init__(
        self, base_url: str, attempts: int = 6, timeout: float = 60.0, wait: Callable[[float], None] = time.sleep
    ) -> None:
        """Open a client; nothing is asked yet."""
        self.base_url, self.wait = base_url.rstrip("/"), wait
        self.client = httpx.Client(timeout=timeout, follow_redirects=True)
        self.auth: httpx.Auth | None = None
        self._attempts = attempts

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def request(
        self,
        method: str,
        url: str,
        headers: dict[str, str] | None = None,
        *,
        content: dict[str, Any] | None = None,
        with_token: bool = True,
    ) -> httpx.Response:
        """Return the answer, below 400; ``content`` is sent as JSON.

        Raises:
            FhirServerError: the server refused, or was busy or broken at every attempt.
            httpx.TransportError: no connection at any attempt.
        """

        def once() -> httpx.Response:
            auth = self.auth if with_token else None
            response = self.client.request(method, url, headers=headers, json=content, auth=auth)
            return _judged(response)

        return self._retried(once)

    def release(self) -> str:
        """Return the FHIR release that the server says it speaks, nothing where it does not say."""
        try:
            stated = self.request("GET", f"{self.base_url}/metadata", {"Accept": "application/fhir+json"})
            return str(stated.json().get("fhirVersion", ""))
        except (FhirServerError, ValueError, AttributeError):
            return ""

    def download(self, url: str, target: Path, *, with_token: bool) -> None:
        """Write what ``url`` gives as ``target``, whole or not at all; unpacked where it came packed."""

        def once() -> None:
            scratch = target.with_name(target.name + ".part")
            headers = {"Accept": "application/fhir+ndjson", "Accept-Encoding": "gzip"}
            auth = self.auth if with_token else None
            with self.client.stream("GET", url, headers=headers, auth=auth) as response:
                if response.is_error:
                    response.read()
                _judged(response)
                with scratch.open("wb") as writing:
                    writing.writelines(_unpacked(response))
                    writing.flush()
                    os.fsync(writing.fileno())
            scratch.replace(target)

        self._retried(once)

    def _retried(self, once: Callable[[], T]) -> T:
        retrying = Retrying(
            retry=retry_if_exception(lambda e: isinstance(e, _TRYABLE)),
            stop=stop_after_attempt(self._attempts),
            wait=_pause,
            before_sleep=_told,
            sleep=self.wait,
            reraise=True,
        )
        try:
            return retrying(once)
        except (_BusyError, httpx.HTTPStatusError) as busy:
            raise FhirServerError(busy.response) from None


def retry_after(response: httpx.Response, now: float | None = None) -> float | None:
    """Return the seconds that `Retry-After` asks for (seconds, an HTTP date, or seconds since 1970), capped."""
    stated = response.headers.get("Retry-After", "").strip()
    now = time.time() if now is None else now
    try:
        seconds = float(stated)
        # Some servers count their epoch in milliseconds.
        seconds = seconds / 1000 if seconds > 1e11 else seconds
        # Nobody asks for eleven years of patience: such a number is a moment.
        seconds = seconds - now if seconds > 1e9 else seconds
    except ValueError:
        try:
            seconds = parsedate_to_datetime(stated).timestamp() - now
        except (ValueError, TypeError):
            return None
    return min(max(seconds, 0.0), _LONGEST_WAIT)


_backing_off = wait_exponential_jitter(initial=1, max=60)


def _pause(state: RetryCallState) -> float:
    """As long as the server asks for, and never shorter than our own patience: its clock may be behind ours."""
    error = state.outcome.exception() if state.outcome else None
    asked = retry_after(error.response) if isinstance(error, _BusyError | httpx.HTTPStatusError) else None
    return max(asked or 0.0, _backing_off(state))


def _told(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, _BusyError | httpx.HTTPStatusError):
        what, host = str(error.response.status_code), error.response.request.url.host
    elif isinstance(error, httpx.RequestError):
        what, host = type(error).__name__, error.request.url.host
    else:
        return
    log.info("%s: %s; asked again in %.0f s", host, what, state.next_action.sleep if state.next_action else 0)


def _unpacked(response: httpx.Response) -> Iterator[bytes]:
    """The body in blocks; one that is packed has to be whole, which httpx does not ask for."""
    if response.headers.get("Content-Encoding") != "gzip":
        yield from response.iter_bytes(1 << 20)
        return
    try:
        yield from gunzipped(response.iter_raw(1 << 20))
    except (EOFError, zlib.error):
        raise httpx.DecodingError("the packed file breaks off", request=response.request) from None


def _judged(response: httpx.Response) -> httpx.Response:
    if response.status_code in TRANSIENT:
        raise _BusyError(response)
    if response.is_error:
        raise FhirServerError(response)
    return response


def is_code(word: str) -> bool:
    """Whether a server's word is one of a code system, and so fit for a log."""
    return re.fullmatch("[a-z][a-z_-]{0,40}", word) is not None


def _codes(response: httpx.Response) -> list[str]:
    try:
        outcome: Any = response.json()
        issues = outcome.get("issue", []) if isinstance(outcome, dict) else []
        return sorted({code for issue in issues if is_code(code := str(issue.get("code")))})
    except (ValueError, httpx.ResponseNotRead, AttributeError, KeyError, TypeError):
        return []
