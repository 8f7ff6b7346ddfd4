"""X12 files as a stream of blocks, each of whole segments of one interchange; memory does not grow with the file.

Belongs here: finding interchanges, their delimiters, where a block may end. Does not belong: what is in a segment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from orchestration.pull.x12_segments import Delimiters

BLOCK_BYTES = 4 << 20

#: A segment that begins with one of these may begin a block; all else needs what stands before it.
CUTS = (b"CLP", b"CLM", b"ST")

_TAIL_BYTES = 1 << 17
_ISA = re.compile(rb"ISA([^\w\s])")
_ISA_ELEMENTS = 16
_ISA_BYTES = 512  # it has 106; room for line breaks and wrong widths
_NOISE = re.compile(rb"[\xef\xbb\xbf\s\x00\x1a]*")


@dataclass(frozen=True)
class Block:
    """Whole segments of one interchange, without line ends.

    ``delimiters`` is None where an interchange has no readable ISA; ``data`` then says nothing.
    ``ends_transaction`` is false where the next block goes on with another claim of the same transaction.
    """

    data: bytes
    delimiters: Delimiters | None
    starts_interchange: bool
    ends_transaction: bool
    ends_interchange: bool = False


def read_delimiters(head: bytes) -> Delimiters | None:
    """Return the delimiters that the ISA segment at the start of ``head`` declares, or None if it is none.

    Counts elements rather than bytes (ISA16 is one byte, the terminator follows), so that an ISA with a field of the
    wrong width is still read, and one that was wrapped into lines.
    """
    if not (match := _ISA.match(head)):
        return None
    separator = match[1]
    parts = head.split(separator, _ISA_ELEMENTS)
    if len(parts) <= _ISA_ELEMENTS:
        return None
    wrapped = any(end in part for part in parts[:-1] for end in (b"\r", b"\n"))
    rest = parts[-1].translate(None, b"\r\n") if wrapped else parts[-1]
    found = Delimiters(element=separator, component=rest[:1], segment=rest[1:2])
    three = {found.element, found.component, found.segment}
    valid = len(three) == 3 and all(len(d) == 1 and d < b"\x80" and not d.isalnum() and d not in b" \0" for d in three)
    return found if valid else None


def blocks(stream: BinaryIO, size: int = BLOCK_BYTES) -> Iterator[Block]:
    """Yield the blocks of a file; nothing for a file without any text.

    Raises nothing for bad content: text without an ISA where one is due comes as one block without delimiters.
    """
    buffer, start, at_end = b"", 0, False
    delimiters: Delimiters | None = None
    fresh = wanting = True
    while True:
        if wanting and not at_end:
            chunk = stream.read(size)
            # A short read is the last: a small file is one block, not one and what it ends with.
            buffer, start, at_end, wanting = buffer[start:] + chunk, 0, len(chunk) < size, False
        if delimiters is None:
            start = _NOISE.match(buffer, start).end()  # type: ignore[union-attr]  # matches the empty string too
            if len(buffer) - start < _ISA_BYTES and not at_end:
                wanting = True
                continue
            if start == len(buffer):
                return
            delimiters, fresh = read_delimiters(buffer[start : start + _ISA_BYTES]), True
            if delimiters is None:
                yield Block(b"", None, starts_interchange=True, ends_transaction=True, ends_interchange=True)
                return
        following = _next_interchange(buffer, start, delimiters)
        if following is not None or at_end:
            rest = _complete(buffer[start:following], delimiters)
            yield Block(rest, delimiters, fresh, ends_transaction=True, ends_interchange=True)
            if following is None:
                return
            start, delimiters = following, None
            continue
        buffer, wanting = _clean(buffer[start:], delimiters), True
        start, ends_transaction = _last_cut(buffer, delimiters)
        if start:
            yield Block(_as_utf8(buffer[:start]), delimiters, fresh, ends_transaction)
            fresh = False


def _clean(text: bytes, delimiters: Delimiters) -> bytes:
    """Drop what stands between segments."""
    for byte in delimiters.noise:
        text = text.replace(bytes((byte,)), b"")  # sooner than `translate`
    while delimiters.segment + b" " in text:
        text = text.replace(delimiters.segment + b" ", delimiters.segment)
    return text


def _complete(text: bytes, delimiters: Delimiters) -> bytes:
    """Return the rest of an interchange, its last segment closed."""
    text = _clean(text, delimiters).rstrip(b" ")
    return _as_utf8(text if text.endswith(delimiters.segment) else text + delimiters.segment)


def _as_utf8(text: bytes) -> bytes:
    """Return valid UTF-8: bytes that are none become U+FFFD, by which the records they spoil are found."""
    return text if text.isascii() else text.decode("utf-8", errors="replace").encode()


def _next_interchange(buffer: bytes, start: int, delimiters: Delimiters) -> int | None:
    """Return where the next ISA begins that directly follows a segment, if it is in the buffer."""
    if buffer.rfind(b"ISA", start + 3) < 0:  # almost always, and sooner told from the end
        return None
    between, at = delimiters.noise + b" ", start
    while (at := buffer.find(b"ISA", at + 3)) >= 0:
        before = at - 1
        while buffer[before] in between:
            before -= 1
        if buffer[before] == delimiters.segment[0] and _ISA.match(buffer, at):
            return at
    return None


def _last_cut(text: bytes, delimiters: Delimiters) -> tuple[int, bool]:
    """Return where the last segment of ``CUTS`` begins (0: nowhere), and whether it begins a transaction."""
    for start in (max(0, len(text) - _TAIL_BYTES), 0):
        found = {tag: text.rfind(delimiters.segment + tag + delimiters.element, start) + 1 for tag in CUTS}
        tag = max(found, key=found.__getitem__)
        if found[tag]:
            return found[tag], tag == b"ST"
    return 0, False
