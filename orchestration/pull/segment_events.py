"""Portal events after the Segment spec: identify, track, page, screen, group and alias calls, one JSON line each.

Belongs here: the fields of an event that journeys need, their types and rules.
Does not belong: tying anonymous visitors to users and what an event means (staging).
Source: the Segment spec's common fields; ``timestamp`` is the time to use, ``messageId`` the key to deduplicate by.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from orchestration.pull.ndjson import JsonLines, field
from orchestration.pull.typed import RowRule, TypedTable

_CALLS = ("identify", "track", "page", "screen", "group", "alias")

_FIELDS = {
    "message_id": field("messageId", required=True),
    "event_type": field("type", required=True, values={call: call for call in _CALLS}),
    "event": field("event"),
    "page_name": field("name"),
    "user_id": field("userId"),
    "anonymous_id": field("anonymousId"),
    "previous_id": field("previousId"),
    "happened_at": field("timestamp", type="timestamp", required=True),
    "sent_at": field("sentAt", type="timestamp"),
    "received_at": field("receivedAt", type="timestamp"),
    "time_zone": field("context.timezone"),
}

_TRAITS = {
    "email": field("traits.email"),
    "birthday": field("traits.birthday"),
    "first_name": field("traits.firstName"),
    "last_name": field("traits.lastName"),
    "phone": field("traits.phone"),
    "mrn": field("traits.mrn"),
    "mrn_system": field("traits.mrn_system"),
}

#: Properties that name things of other sources: raw column, and the property's default name.
PROPERTIES = (
    "appointment_id",
    "department_id",
    "provider_id",
    "result_id",
    "statement_id",
    "thread_id",
    "communication_id",
)

_RULES = [
    RowRule(rule="required", element="user_id", requires="user_id is not null or anonymous_id is not null"),
    RowRule(rule="required", element="event", requires="event_type != 'track' or event is not null"),
    RowRule(rule="required", element="previous_id", requires="event_type != 'alias' or previous_id is not null"),
]


class SegmentEvents(JsonLines):
    """Reader of Segment-spec events (JSON lines)."""

    kind: Literal["segment"]
    ehr_id_space: str = Field(default="ehr", description="Where the FHIR ids in the properties come from.")
    properties: dict[str, str] = Field(default={}, description="Raw column to this site's property name.")

    @property
    def typed_table(self) -> TypedTable:
        """`event`: one row per delivered event."""
        properties = {name: field(f"properties.{self.properties.get(name, name)}") for name in PROPERTIES}
        amount = field(f"properties.{self.properties.get('amount', 'amount')}", type="decimal")
        space = {"ehr_id_space": field("", constant=self.ehr_id_space)}
        return TypedTable(
            name="event",
            columns={**_FIELDS, **_TRAITS, **properties, "amount": amount, **space},
            record_id="message_id",
            version_at="coalesce(received_at, happened_at)",
            rules=_RULES,
        )
