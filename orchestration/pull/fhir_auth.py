"""SMART Backend Services: a token for a program, by a signed assertion instead of a password.

Belongs here: the assertion, the token and its renewal. Does not belong: what is asked of the server (``fhir_bulk``).
Source: SMART App Launch 2.2, Backend Services (RS384 or ES384, tokens of minutes, `.well-known/smart-configuration`).
Keys and tokens never reach a log, an error or a state file.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import httpx
from joserfc import jwt
from joserfc.errors import InvalidKeyTypeError, JoseError
from joserfc.jwk import ECKey, JWKRegistry, KeySet, RSAKey
from pydantic import BaseModel, ConfigDict

from orchestration.pull.fhir_http import TRANSIENT, is_code

#: A token is renewed this many seconds before it expires: a slow request must not outlive it.
RENEW_BEFORE = 30.0
_HINT = "are `client_id`, `key_file` and `key_id` those that the server knows?"
_HINTS = {"invalid_scope": "does `scope` ask for more than the server gives this client?"}
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class AccessDeniedError(RuntimeError):
    """The server gave no token, or the token does not allow what was asked."""


class SmartCredentials(BaseModel):
    """How this program introduces itself. ``key_file``: a private key as JWK, JWK set or PEM, outside the project."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    client_id: str
    key_file: Path
    key_id: str | None = None
    algorithm: Literal["RS384", "ES384"] | None = None
    scope: str = "system/*.rs"
    token_url: str | None = None

    def key(self) -> RSAKey | ECKey:
        """Return the private key that signs.

        Raises:
            AccessDeniedError: the file holds no RSA or EC private key.
        """
        name = self.key_file.name
        try:
            keys = _keys(self.key_file.expanduser().read_text())
        except OSError as error:
            raise AccessDeniedError(f"cannot read the key file {self.key_file}: {error.strerror}") from None
        except (ValueError, TypeError, KeyError, JoseError):
            raise AccessDeniedError(
                f"{name} holds no private RSA or EC key that could sign without a password (JWK, JWK set or PEM)"
            ) from None
        private = [key for key in keys if key.is_private]
        if fitting := [key for key in private if key.kid is None or self.key_id in (None, key.kid)]:
            return fitting[0]
        named = f"of the name {self.key_id!r} (`key_id`)" if private else "that could sign"
        raise AccessDeniedError(f"{name} holds no private RSA or EC key {named}")


def _keys(content: str) -> list[RSAKey | ECKey]:
    if "BEGIN" in content:
        for kind in (RSAKey, ECKey):
            with suppress(InvalidKeyTypeError):
                return [kind.import_key(content)]
        return []
    stated = json.loads(content)
    keys = KeySet.import_key_set(stated).keys if "keys" in stated else [JWKRegistry.import_key(stated)]
    return [key for key in keys if isinstance(key, RSAKey | ECKey)]


class SmartAuth(httpx.Auth):
    """Sends the access token; renews it before it expires and once when the server answers 401. Safe among threads."""

    def __init__(self, credentials: SmartCredentials, base_url: str, client: httpx.Client) -> None:
        """``client`` asks for tokens; ``base_url`` is the FHIR server's."""
        self._credentials, self._base_url, self._client = credentials, base_url.rstrip("/"), client
        self._lock = threading.Lock()
        self._token, self._expires = "", 0.0
        self._token_url = credentials.token_url
        self._granted = credentials.scope

    @property
    def granted(self) -> str:
        """The scope of the last token; before there is one, what is asked for."""
        return " ".join(sorted(self._granted.split()))

    @property
    def missing_scopes(self) -> list[str]:
        """What was asked for and not granted, as ``system/<type>``: a server may grant less without a word."""
        asked, granted = (
            {word.split(".")[0] for word in scope.split()} for scope in (self._credentials.scope, self._granted)
        )
        return [] if "system/*" in granted else sorted(asked - granted)

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Authorise a request."""
        token = self._current(refused=None)
        request.headers["Authorization"] = f"Bearer {token}"
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED:
            request.headers["Authorization"] = f"Bearer {self._current(refused=token)}"
            yield request

    def _current(self, refused: str | None) -> str:
        with self._lock:
            if not self._token or self._token == refused or time.time() > self._expires - RENEW_BEFORE:
                self._renew()
            return self._token

    def _renew(self) -> None:
        self._token_url = self._token_url or self._discovered()
        form = {
            "grant_type": "client_credentials",
            "scope": self._credentials.scope,
            "client_assertion_type": _ASSERTION,
            "client_assertion": self._assertion(self._token_url),
        }
        response = self._client.post(self._token_url, data=form, headers={"Accept": "application/json"})
        answer = _json(response)
        if response.is_error or not answer.get("access_token"):
            error = str(answer.get("error"))
            told = f"{response.status_code} {error}" if is_code(error) else f"{response.status_code}"
            raise AccessDeniedError(f"no access token: {told}; {_HINTS.get(error, _HINT)}")
        self._token = str(answer["access_token"])
        self._granted = str(answer.get("scope") or self._credentials.scope)
        self._expires = time.time() + float(answer.get("expires_in", 300))

    def _discovered(self) -> str:
        answer = _json(self._client.get(f"{self._base_url}/.well-known/smart-configuration"))
        if not answer.get("token_endpoint"):
            raise AccessDeniedError(
                "the server states no token endpoint in .well-known/smart-configuration; is `url` its base address?"
                " Else declare the credentials' `token_url`"
            )
        return str(answer["token_endpoint"])

    def _assertion(self, token_url: str) -> str:
        key = self._credentials.key()
        algorithm = self._credentials.algorithm or ("ES384" if isinstance(key, ECKey) else "RS384")
        header = {"alg": algorithm, "typ": "JWT"}
        if key_id := self._credentials.key_id or key.kid:
            header["kid"] = key_id
        client_id = self._credentials.client_id
        claims: dict[str, Any] = {"iss": client_id, "sub": client_id, "aud": token_url, "jti": uuid.uuid4().hex}
        claims["exp"] = int(time.time()) + 240
        try:
            return jwt.encode(header, claims, key, algorithms=[algorithm])
        except (JoseError, ValueError):
            told = f"the key in {self._credentials.key_file.name} does not fit {algorithm}"
            raise AccessDeniedError(f"{told}: RS384 takes RSA keys, ES384 those on the curve P-384") from None


def scope_warnings(auth: httpx.Auth | None) -> list[str]:
    """Return in words what a server gave no access to: its records are missing without any error."""
    missing = auth.missing_scopes if isinstance(auth, SmartAuth) else []
    return [f"the server granted less than the scope asked for: {', '.join(missing)}"] if missing else []


def granted_scope(auth: httpx.Auth | None) -> str:
    """What a server gave access to; nothing where nobody asked."""
    return auth.granted if isinstance(auth, SmartAuth) else ""


def _json(response: httpx.Response) -> dict[str, Any]:
    """What the server states; one that is busy is asked again.

    Raises:
        httpx.HTTPStatusError: it is busy.
    """
    if response.status_code in TRANSIENT:
        response.raise_for_status()
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
