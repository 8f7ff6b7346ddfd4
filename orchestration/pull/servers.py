"""Servers that are asked for deliveries: the one list a new protocol is added to.

Belongs here: the union of server declarations and asking them. Does not belong: any protocol; reading what came.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import httpx
from pydantic import Field

from orchestration.pull import failures
from orchestration.pull.fhir_auth import AccessDeniedError
from orchestration.pull.fhir_bulk import BulkExport, ExportFailedError, ExportReport, export
from orchestration.pull.fhir_http import FhirServerError
from orchestration.pull.fhir_search import SearchExport, search
from orchestration.pull.genesys_api import GenesysServer, JobFailedError, pull_conversations
from orchestration.settings import Settings

log = logging.getLogger(__name__)

Server = BulkExport | SearchExport | GenesysServer
_FAILURES = (ExportFailedError, JobFailedError, FhirServerError, AccessDeniedError, httpx.TransportError, OSError)
AnyServer = Annotated[Server, Field(discriminator="kind")]


class FeedFailedError(RuntimeError):
    """Servers gave no complete data: of which feeds, what happened and what to look at. Their feeds are as they were.

    The words hold no token and no value.
    """


def bring_deliveries(servers: Sequence[Server], settings: Settings) -> tuple[list[str], list[str]]:
    """Bring each server's news into the delivery folder of its feed.

    Returns what is worth a warning, and of each server that gave no complete data what went wrong: one that is down
    keeps no other feed waiting.
    """
    warnings, failed = list[str](), list[str]()
    for server in servers:
        try:
            report = _asked(server, settings.exports / server.feed, settings.delivery_root / server.feed)
        except _FAILURES as error:
            told = failures.words(error, server.url)
            failed.append(told if told.startswith(f"{server.feed}: ") else f"{server.feed}: {told}")
            continue
        log.info("%s: %d files with %d records", report.feed, report.files, report.records)
        warnings += [f"{server.feed}: {warning}" for warning in report.warnings]
    return warnings, failed


def _asked(server: Server, state: Path, deliveries: Path) -> ExportReport:
    match server:
        case BulkExport():
            return export(server, state, deliveries)
        case SearchExport():
            return search(server, state, deliveries)
    return pull_conversations(server, state, deliveries)
