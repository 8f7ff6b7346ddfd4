"""Elements of one long JSON array, read from blocks in memory that the longest element bounds.

Belongs here: finding where elements begin and end. Does not belong: parsing them, or what they mean (``fhir_bundles``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

#: A whole string, a bracket, or the quote of a string that goes on in the next block.
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]]|"', re.DOTALL)
#: A string, number or word between objects and lists.
_SCALAR = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[^,\s"]+', re.DOTALL)
_OPENS, _CLOSES = frozenset({b"{", b"["}), frozenset({b"}", b"]"})
_BETWEEN = b", \t\r\n"


class ArrayElements:
    """The elements of an array as their own bytes, in order, each once; iterate once.

    The array is the document itself (``key`` None), or the member ``key`` of the object that the document is. What a
    broken document has of an unfinished element is its last one. After the iteration ``around`` holds the document
    without the elements, which is valid JSON exactly where the document is well formed around them.
    """

    def __init__(self, blocks: Iterable[bytes], key: str | None = None) -> None:
        self.around = b""
        self._blocks = blocks
        self._opener = (f'"{key}"'.encode(), 1) if key else (b"", 0)  # the last string before the array, and its depth
        self._within = self._opener[1] + 1  # depth of what stands in the array
        self._depth = self._seen = 0

    def __iter__(self) -> Iterator[bytes]:
        text, done, inside, name = b"", 0, False, b""  # done: what of `text` was told
        for block in self._blocks:
            text, self._seen, done = text[done:] + block, self._seen - done, 0
            for mark, start, end, depth in self._marks(text):
                if not inside:
                    if mark == b"[" and (name, depth) == self._opener:
                        self.around += text[done:end]
                        inside, done = True, end
                    elif depth == 1 and mark[:1] == b'"':
                        name = mark
                elif mark in _CLOSES:
                    if self._depth == self._within:
                        yield text[done:end]
                        done = end
                    else:
                        yield from _SCALAR.findall(text[done:start])
                        inside, done = False, start
                elif depth == self._within and mark in _OPENS:
                    yield from _SCALAR.findall(text[done:start])
                    done = start
            if not inside:
                self.around += text[done : self._seen]
                done = self._seen
        if not inside:
            self.around += text[done:]
        elif rest := text[done:].strip(_BETWEEN):
            yield rest

    def _marks(self, text: bytes) -> Iterator[tuple[bytes, int, int, int]]:
        """Yield brackets and strings that do not stand within an element: mark, start, end and the depth before."""
        for token in _TOKEN.finditer(text, self._seen):
            mark, before = token.group(), self._depth
            if mark == b'"':
                return
            self._seen = token.end()
            if mark in _OPENS:
                self._depth += 1
            elif mark in _CLOSES:
                self._depth -= 1
            if min(before, self._depth) <= self._within:
                yield mark, token.start(), token.end(), before
        self._seen = len(text)
