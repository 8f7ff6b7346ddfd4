"""Servers that are asked for deliveries: the one list a new protocol is added to.

Belongs here: the union of server declarations and asking them. Does not belong: any protocol; reading what came.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field

from orchestration.pull.fhir_bulk import BulkExport, ExportReport, export
from orchestration.pull.fhir_search import SearchExport, search
from orchestration.pull.genesys_api import GenesysServer, pull_conversations
from orchestration.settings import Settings

log = logging.getLogger(__name__)

Server = BulkExport | SearchExport | GenesysServer
AnyServer = Annotated[Server, Field(discriminator="kind")]


def bring_deliveries(servers: Sequence[Server], settings: Settings) -> list[str]:
    """Bring each server's news into the delivery folder of its feed; return what is worth a warning.

    Raises:
        ExportFailedError, JobFailedError, FhirServerError, AccessDeniedError: a server gave no complete data; its feed
            is as it was.
    """
    warnings = []
    for server in servers:
        places = settings.exports / server.feed, settings.delivery_root / server.feed
        report = _asked(server, *places)
        log.info("%s: %d files with %d records", report.feed, report.files, report.records)
        warnings += [f"{server.feed}: {warning}" for warning in report.warnings]
    return warnings


def _asked(server: Server, state: Path, deliveries: Path) -> ExportReport:
    match server:
        case BulkExport():
            return export(server, state, deliveries)
        case SearchExport():
            return search(server, state, deliveries)
    return pull_conversations(server, state, deliveries)
