"""What went wrong with a server, in words for people who have to do something about it.

Belongs here: errors told without addresses that may be secrets, tokens or values, and what to look at. Does not belong:
noticing that something is wrong (the protocols), what becomes of the feed (``servers``).
"""

from __future__ import annotations

from collections.abc import Sequence

import httpx

from orchestration.pull.fhir_http import FhirServerError

_TOLD_PROBLEMS = 5


def reason(error: Exception) -> str:
    """Why a file could not be had."""
    if isinstance(error, FhirServerError):
        return f"the server answered {error.status}"
    return (isinstance(error, OSError) and error.strerror) or type(error).__name__


def listed(problems: Sequence[str], *, is_lost: bool) -> str:
    """The first problems of an export; ``is_lost``: nothing more can be had from it."""
    told = list(problems[:_TOLD_PROBLEMS])
    if more := len(problems) - len(told):
        told.append(f"and {more} more problems")
    following = "asks for a new export" if is_lost else "fetches only what is missing"
    return "; ".join([*told, f"the next run {following} (`when_incomplete: warn` takes what there is)"])


def words(error: Exception, url: str) -> str:
    """What happened between us and the server at ``url``, as declared."""
    if isinstance(error, httpx.TransportError):
        said = str(error) or type(error).__name__
        return f"no connection to {url} ({said}); is the address right, and does the server run?"
    if isinstance(error, OSError):
        return f"{error.strerror}: {error.filename}; the next run goes on from here"
    return str(error)
