"""Which delivered file is whose: globs over delivered paths, and signatures of what reads them.

Belongs here: matching names, fingerprints of readers. Does not belong: opening files.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from pathlib import Path
from types import ModuleType

import duckdb


def path_matches(name: str, glob: str) -> bool:
    """Whether a delivered path (posix, below the feed's folder) matches ``glob``; a packed file matches as unpacked.

    ``*`` and ``?`` stay within a folder, ``**/`` crosses any number of folders.
    """
    return _pattern(glob).fullmatch(name.removesuffix(".gz")) is not None


@lru_cache
def _pattern(glob: str) -> re.Pattern[str]:
    parts = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    tokens = re.split(r"(\*\*/|\*\*|\*|\?)", glob.removesuffix(".gz"))
    return re.compile("".join(parts.get(token, re.escape(token)) for token in tokens))


def signature_of(declaration: str, *modules: ModuleType) -> str:
    """Return a fingerprint of a reader: its declaration, the code of ``modules`` and the engine that hashes records."""
    digest = hashlib.sha256(f"{duckdb.__version__}\n{declaration}".encode())
    for module in modules:
        digest.update(Path(module.__file__ or "").read_bytes())
    return digest.hexdigest()[:16]
