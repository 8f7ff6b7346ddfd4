"""How many rows a CSV file has, told from its line breaks and quotation marks alone.

Belongs here: the count of files whose quotation marks stand where they should. Does not belong: reading cells, and what
to do with other files (``delimited``).
"""

from __future__ import annotations

from typing import BinaryIO, TypeAlias

import numpy as np
import numpy.typing as npt

Places: TypeAlias = npt.NDArray[np.int64]

_BLOCK_BYTES = 4 << 20
_NEWLINE, _RETURN, _QUOTE = b'\n\r"'


def count_csv_rows(stream: BinaryIO, delimiter: str) -> int | None:
    """Return the rows of a UTF-8 stream that are not blank, as Python's CSV reader cuts them.

    None where a quotation mark stands within a cell that does not begin and end with one (RFC 4180 has no such): what
    belongs to it is a matter of the reader. Line breaks within quotation marks end no row.
    """
    may_stand_beside: npt.NDArray[np.bool_] = np.zeros(256, np.bool_)
    may_stand_beside[[_NEWLINE, _RETURN, _QUOTE, *delimiter.encode()]] = True
    rows = quotes = 0
    before, is_begun = b"\n", False
    while block := stream.read(_BLOCK_BYTES):
        raw = np.frombuffer(block, np.uint8)
        ends: Places = np.flatnonzero((raw == _NEWLINE) | (raw == _RETURN))
        if quotes or b'"' in block:
            # The byte before is judged with this block, the last one with the next.
            whole = np.frombuffer(before + block, np.uint8)
            at = np.flatnonzero(whole == _QUOTE)
            first = quotes - (before == b'"')
            opens = (first + np.arange(len(at))) % 2 == 0
            closing = at[~opens & (at < len(block))]
            beside = np.concatenate((whole[at[opens & (at > 0)] - 1], whole[closing + 1]))
            if len(delimiter.encode()) > 1 or not may_stand_beside[beside].all():
                return None
            ends = ends[(first + np.searchsorted(at, ends + 1)) % 2 == 0]
            quotes = first + len(at)
        if len(ends):
            rows += int(np.count_nonzero(np.diff(ends) > 1)) + (is_begun or int(ends[0]) > 0)
        is_begun = not len(ends) or int(ends[-1]) < len(block) - 1
        before = block[-1:]
    return rows + is_begun
