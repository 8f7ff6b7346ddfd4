"""Amazon Connect contact records: one line per contact, delivered at least once, the newest update wins.

Belongs here: the fields of a contact record that journeys need, their types and rules (times in UTC, durations in
seconds). Does not belong: what a contact means: abandons, callbacks and transfers are derived in staging.
Source: the contact records data model of the Amazon Connect administrator guide.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from orchestration.pull.ndjson import JsonLines, field
from orchestration.pull.typed import RowRule, TypedTable

_FIELDS = {
    "contact_id": field("ContactId", required=True),
    "initial_contact_id": field("InitialContactId"),
    "previous_contact_id": field("PreviousContactId"),
    "next_contact_id": field("NextContactId"),
    "channel": field("Channel", required=True, values={name: name for name in ("VOICE", "CHAT", "TASK", "EMAIL")}),
    "initiation_method": field("InitiationMethod", required=True),
    "initiated_at": field("InitiationTimestamp", type="timestamp", required=True),
    "connected_to_system_at": field("ConnectedToSystemTimestamp", type="timestamp"),
    "disconnected_at": field("DisconnectTimestamp", type="timestamp"),
    "disconnect_reason": field("DisconnectReason"),
    "last_updated_at": field("LastUpdateTimestamp", type="timestamp", required=True),
    "transfer_completed_at": field("TransferCompletedTimestamp", type="timestamp"),
    "customer_endpoint_type": field("CustomerEndpoint.Type"),
    "customer_endpoint": field("CustomerEndpoint.Address"),
    "system_endpoint": field("SystemEndpoint.Address"),
    "queue_name": field("Queue.Name"),
    "queued_at": field("Queue.EnqueueTimestamp", type="timestamp"),
    "dequeued_at": field("Queue.DequeueTimestamp", type="timestamp"),
    "queue_seconds": field("Queue.Duration", type="duration", unit="s"),
    "agent": field("Agent.Username"),
    "connected_to_agent_at": field("Agent.ConnectedToAgentTimestamp", type="timestamp"),
    "talk_seconds": field("Agent.AgentInteractionDuration", type="duration", unit="s"),
    "hold_seconds": field("Agent.CustomerHoldDuration", type="duration", unit="s"),
    "holds": field("Agent.NumberOfHolds", type="integer", min=0),
    "after_call_work_seconds": field("Agent.AfterContactWorkDuration", type="duration", unit="s"),
}

_RULES = [
    RowRule(rule="end_before_start", element=later, requires=f"{later} >= {earlier}")
    for earlier, later in (
        ("initiated_at", "disconnected_at"),
        ("initiated_at", "connected_to_agent_at"),
        ("queued_at", "dequeued_at"),
    )
]

#: What a site writes into ``Attributes``: raw column to the attribute's default name.
ATTRIBUTES = (
    "reason",
    "resolved",
    "voicemail",
    "department_id",
    "appointment_id",
    "mrn",
    "first_name",
    "last_name",
    "date_of_birth",
)


class AmazonConnect(JsonLines):
    """Reader of contact records (JSON lines). ``mrn`` must be an attribute that is set after verification only."""

    kind: Literal["amazon_connect"]
    ehr_id_space: str = Field(default="ehr", description="Where the department and appointment ids come from.")
    attributes: dict[str, str] = Field(default={}, description="Raw column to this site's attribute name.")

    @property
    def typed_table(self) -> TypedTable:
        """`contact`: one row per delivered version of a contact."""
        attributes = {name: field(f"Attributes.{self.attributes.get(name, name)}") for name in ATTRIBUTES}
        space = {"ehr_id_space": field("", constant=self.ehr_id_space)}
        return TypedTable(
            name="contact",
            columns={**_FIELDS, **attributes, **space},
            record_id="contact_id",
            version_at="last_updated_at",
            rules=_RULES,
        )
