"""How many records an X12 file delivers, counted without its parser.

Belongs here: a scan for the bytes that begin a record, so that the account of a file does not rest on the parser.
Does not belong: anything that looks inside a segment.
"""

from __future__ import annotations

import re
from typing import BinaryIO

from orchestration.pull.x12_segments import Delimiters
from orchestration.pull.x12_stream import blocks


def count_records(stream: BinaryIO) -> int:
    """Return how many claims and remits a file delivers.

    A CLM or a CLP is a record; so is a transaction (ST) that has neither, and text without a readable ISA.
    """
    records, claimless = 0, False
    for block in blocks(stream):
        if block.delimiters is None:
            records += 1
            continue
        for tag in _tags(block.delimiters).findall(block.delimiters.segment + block.data):
            is_claim = tag in (b"CLM", b"CLP")
            records += is_claim or claimless
            claimless = tag == b"ST"
        if block.ends_transaction:
            records += claimless
            claimless = False
    return records


def _tags(delimiters: Delimiters) -> re.Pattern[bytes]:
    """Return the pattern of what begins a record or ends a transaction: a terminator, a tag, a separator."""
    ends = re.escape(delimiters.segment)
    return re.compile(ends + rb"(CLM|CLP|ST|SE|GS|GE|ISA|IEA)(?=" + re.escape(delimiters.element) + b"|" + ends + b")")
