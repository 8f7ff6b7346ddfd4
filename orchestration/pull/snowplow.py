"""Snowplow enriched events (TSV without header) as portal events: table and rules of Segment-spec events.

Belongs here: the canonical event model's columns and which of them say what a Segment-spec field says.
Does not belong: fields and rules of the table (``segment_events``), what an event means (staging).
Source: Snowplow's enriched TSV format. Times are UTC; ``derived_tstamp`` is the time corrected for the device's clock.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from orchestration.lake.duck import quote
from orchestration.lake.landing import LandedFile
from orchestration.lake.raw import RawBatch
from orchestration.pull import delimited, segment_events, typed
from orchestration.pull.cells import Cells, cell, csv_cells
from orchestration.pull.delimited import Dialect
from orchestration.pull.paths import path_matches, signature_of
from orchestration.pull.rows import Rule
from orchestration.pull.segment_events import SegmentEvents
from orchestration.pull.typed import TypedTable

#: The columns of an enriched event, in their order.
_CANONICAL = """
    app_id platform etl_tstamp collector_tstamp dvce_created_tstamp event event_id txn_id name_tracker v_tracker
    v_collector v_etl user_id user_ipaddress user_fingerprint domain_userid domain_sessionidx network_userid
    geo_country geo_region geo_city geo_zipcode geo_latitude geo_longitude geo_region_name ip_isp ip_organization
    ip_domain ip_netspeed page_url page_title page_referrer page_urlscheme page_urlhost page_urlport page_urlpath
    page_urlquery page_urlfragment refr_urlscheme refr_urlhost refr_urlport refr_urlpath refr_urlquery refr_urlfragment
    refr_medium refr_source refr_term mkt_medium mkt_source mkt_term mkt_content mkt_campaign contexts se_category
    se_action se_label se_property se_value unstruct_event tr_orderid tr_affiliation tr_total tr_tax tr_shipping tr_city
    tr_state tr_country ti_orderid ti_sku ti_name ti_category ti_price ti_quantity pp_xoffset_min pp_xoffset_max
    pp_yoffset_min pp_yoffset_max useragent br_name br_family br_version br_type br_renderengine br_lang
    br_features_pdf br_features_flash br_features_java br_features_director br_features_quicktime
    br_features_realplayer br_features_windowsmedia br_features_gears br_features_silverlight br_cookies br_colordepth
    br_viewwidth br_viewheight os_name os_family os_manufacturer os_timezone dvce_type dvce_ismobile dvce_screenwidth
    dvce_screenheight doc_charset doc_width doc_height tr_currency tr_total_base tr_tax_base tr_shipping_base
    ti_currency ti_price_base base_currency geo_timezone mkt_clickid mkt_network etl_tags dvce_sent_tstamp
    refr_domain_userid refr_dvce_tstamp derived_contexts domain_sessionid derived_tstamp event_vendor event_name
    event_format event_version event_fingerprint true_tstamp
"""
FIELDS = tuple(_CANONICAL.split())
_BROKEN = "broken data"
_DIALECT = Dialect(delimiter="\t", names=FIELDS)

#: A Segment-spec field and the SQL over Snowplow's columns that says the same.
_SAME = {
    "messageId": "{event_id}",
    "type": "case when {event} in ('page_view', 'page_ping') then 'page' when {event} is not null then 'track' end",
    "name": "{page_title}",
    "userId": "{user_id}",
    "anonymousId": "coalesce({domain_userid}, {network_userid})",
    "timestamp": "coalesce({true_tstamp}, {derived_tstamp}, {collector_tstamp}) || 'Z'",
    "sentAt": "{dvce_sent_tstamp} || 'Z'",
    "receivedAt": "{collector_tstamp} || 'Z'",
    "context.timezone": "{os_timezone}",
}
_NEEDED = """
    event event_id event_name se_action page_title user_id domain_userid network_userid true_tstamp derived_tstamp
    collector_tstamp dvce_sent_tstamp os_timezone unstruct_event
"""
_READ = tuple(_NEEDED.split())


class SnowplowEvents(BaseModel):
    """Reader of enriched events. What a self-describing event's own data name becomes the table's properties."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["snowplow"]
    path: str = Field(default="**", description="Glob over the delivered path below the feed's folder.")
    ehr_id_space: str = Field(default="ehr", description="Where the FHIR ids in the properties come from.")
    events: dict[str, str] = Field(
        default={}, description="Name of a self-describing event, or action of a structured one, to the portal's name."
    )
    properties: dict[str, str] = Field(default={}, description="Raw column to this site's name in the event's data.")

    @property
    def _table(self) -> TypedTable:
        table = SegmentEvents(kind="segment", ehr_id_space=self.ehr_id_space).typed_table
        return replace(table, checks=[Rule("json_invalid", "unstruct_event", cell(_BROKEN))])

    @property
    def signature(self) -> str:
        """Changes with the declaration and with the code that reads by it."""
        modules = (sys.modules[__name__], segment_events, delimited, *typed.MODULES)
        return signature_of(self.model_dump_json(), *modules)

    @property
    def tables(self) -> dict[str, pa.Schema]:
        """`event`, as Segment-spec events have it."""
        return {self._table.name: self._table.row_table.schema}

    def accepts(self, name: str) -> bool:
        """Whether the delivered path matches."""
        return path_matches(name, self.path)

    def count(self, path: Path) -> int:
        """Rows of a file."""
        return delimited.count_rows(path, _DIALECT)

    def parse(self, files: Sequence[LandedFile], out: RawBatch) -> None:
        """Write `event`, `records` and `rejects`."""
        delivered = csv_cells(files, _DIALECT, _READ)
        wanted = ", ".join(f"{self._said(name)} as {cell(name)}" for name in self._table.cell_names)
        json = cell("unstruct_event")
        broken = f"{json} is not null and not json_valid({json}) as {cell(_BROKEN)}"
        query = f"select file_id, line, feed, record_hash, fault, {broken}, {wanted} from ({delivered.query})"
        self._table.write(Cells(delivered.reader, query), out)

    def _said(self, name: str) -> str:
        """Return the SQL for a Segment-spec field; null where Snowplow has nothing like it."""
        if name == "event":
            told = f"case when {cell('event')} = 'struct' then {cell('se_action')} else {cell('event_name')} end"
            whens = " ".join(f"when {quote(old)} then {quote(new)}" for old, new in self.events.items())
            return f"case {told} {whens} else {told} end" if whens else told
        if name.startswith("properties."):
            column = name.removeprefix("properties.")
            path = quote(f"$.data.data.{self.properties.get(column, column)}")
            json = cell("unstruct_event")
            return f"case when json_valid({json}) then json_extract_string({json}, {path}) end"
        return _SAME.get(name, "null::varchar").format_map({field: cell(field) for field in _READ})
