"""The kinds of files that can be read: the one list a new kind is added to.

Belongs here: the union of reader declarations. Does not belong: any reader's code.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from orchestration.pull.contact_records import AmazonConnect
from orchestration.pull.declared import DeclaredTable
from orchestration.pull.fhir_files import FhirFiles
from orchestration.pull.genesys import Genesys
from orchestration.pull.qualtrics import Qualtrics
from orchestration.pull.segment_events import SegmentEvents
from orchestration.pull.snowplow import SnowplowEvents
from orchestration.pull.x12 import X12

AnyReader = Annotated[
    FhirFiles | SegmentEvents | SnowplowEvents | AmazonConnect | Genesys | X12 | Qualtrics | DeclaredTable,
    Field(discriminator="kind"),
]
