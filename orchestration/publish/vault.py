"""The key vault: a random key per person for the de-identified schema, the same every night.

Belongs here: minting and keeping keys. Does not belong: who is one person (``identity``).

A key says nothing about the person: it is random, not a hash, so it cannot be guessed from an id (45 CFR 164.514(c)).
``vault/person_keys/<night>.parquet`` holds every key up to that night, and the file that counts is the one of the
night that is current: keys of a publication that never took place do not exist. Keep the folder from analysts.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from orchestration.lake.duck import quote

_KEY_BITS = 53  # every key is exact in a double, as JSON, JavaScript and spreadsheets read numbers


class KeysLostError(RuntimeError):
    """The keys of what is published are gone."""


@dataclass(frozen=True)
class Vault:
    """Keys of persons, a file per publication."""

    root: Path

    @property
    def folder(self) -> Path:
        """Where the key files lie, readable by their owner only."""
        return self.root / "person_keys"

    def path(self, night: str) -> Path:
        """The keys of one night."""
        return self.folder / f"{night}.parquet"

    def valid(self, current: str | None) -> Path | None:
        """Return the keys that count: the current night's, or the newest where nothing is published (any more).

        Raises:
            KeysLostError: the current night has no keys; new ones would give every published person another key.
        """
        if current is None:
            return max(self.folder.glob("*.parquet"), key=lambda path: path.stat().st_mtime_ns, default=None)
        if not self.path(current).exists():
            raise KeysLostError(f"the vault lost the keys of {current}: restore the vault folder from its backup")
        return self.path(current)

    def mint(self, con: duckdb.DuckDBPyConnection, persons: str, night: str, current: str | None) -> Path:
        """Write the keys of ``night``: those that count, and new ones for persons without one.

        Args:
            con: a connection that can read ``persons``.
            persons: a query of one column, person_id.
            night: the night being prepared.
            current: the night whose keys count.

        Returns:
            A Parquet file of person_id and person_key.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        valid = self.valid(current)
        source = f"read_parquet({quote(valid)})" if valid else "(select 0::bigint, 0::bigint where false)"
        known = con.execute(f"select * from {source} as keys(person_id, person_key) order by all").df()
        everyone = con.execute(f"select distinct person_id from ({persons}) order by all").df()
        new = everyone.loc[~everyone["person_id"].isin(known["person_id"]), "person_id"].to_numpy(np.int64)
        minted = pd.DataFrame({"person_id": new, "person_key": _random_keys(len(new), known["person_key"].to_numpy())})
        target = self.path(night)
        scratch = target.with_suffix(".tmp")
        scratch.unlink(missing_ok=True)
        scratch.touch(mode=0o600)
        pd.concat([known, minted], ignore_index=True).astype(np.int64).to_parquet(scratch, index=False)
        scratch.replace(target)
        return target

    def keep(self, nights: list[str], current: str | None) -> None:
        """Remove key files of nights that are no longer published; without any publication all are kept."""
        if current is None:
            return
        for path in self.folder.glob("*.parquet"):
            if path.stem not in {*nights, current}:
                path.unlink()


def _random_keys(n: int, taken: np.ndarray) -> np.ndarray:
    """Return ``n`` distinct random keys in [1, 2^53) from the system's secure source, none of them ``taken``."""
    keys: np.ndarray = np.empty(0, dtype=np.int64)
    while len(keys) < n:
        drawn = np.frombuffer(secrets.token_bytes(8 * (n - len(keys))), dtype=np.uint64) >> np.uint64(64 - _KEY_BITS)
        fresh = np.unique(drawn.astype(np.int64))
        fresh = fresh[(fresh > 0) & ~np.isin(fresh, taken) & ~np.isin(fresh, keys)]
        keys = np.concatenate([keys, fresh])
    # np.unique sorted each draw: shuffle, or the keys would follow the order of the ids.
    order = np.argsort(np.frombuffer(secrets.token_bytes(8 * n), dtype=np.uint64)) if n else []
    return keys[order]
