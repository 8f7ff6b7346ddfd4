"""Labelled identities of a simulated hospital's people, in any number and any noise, to judge matching by.

Belongs here: who lives together, and how five kinds of source record them. Does not belong: deliveries in the real
formats (``orchestration.sample``), measuring. Families share surnames, telephones, mail addresses and subscriber ids;
they hold twins and namesakes; sources leave fields out, shorten, misspell, swap and put placeholders. Columns are those
that ``python -m orchestration.identity score`` expects. Everything is drawn in arrays: a million records take seconds.

Run: python -m benchmarks.people FILE [--persons 13000] [--noise 1.0] [--seed 1]
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from faker.providers.person.en_US import Provider

from orchestration.identity.columns import RECORD_COLUMNS
from orchestration.identity.names import NICKNAMES_FILE
from orchestration.identity.score import DEFAULT_COLUMNS

#: Share of people with a record, and the mean of further records (calls) or the share of duplicates (EHR) among them.
SOURCES: dict[str, tuple[float, float]] = {
    "ehr_a": (0.70, 0.044),
    "ehr_b": (0.36, 0.044),
    "ehr_c": (0.20, 0.044),
    "portal": (0.47, 0.0),
    "billing": (0.72, 0.0),
    "call": (0.66, 0.63),
}

#: Share of records that lack a field, by source; fields that a source never has are not listed.
_MISSING: dict[str, dict[str, float]] = {
    "ehr": {"given": 0.0, "family": 0.0, "birth": 0.01, "sex": 0.004, "phone": 0.04, "email": 0.59, "address": 0.07,
            "zip": 0.06, "ssn4": 0.4, "member": 0.4},
    "portal": {"given": 0.4, "birth": 0.0, "phone": 0.63, "email": 0.0, "zip": 0.7},
    "billing": {"given": 0.0, "family": 0.0, "birth": 0.5, "phone": 0.5, "address": 0.5, "zip": 0.5, "member": 0.0},
    "call": {"given": 0.12, "family": 0.5, "birth": 0.75, "phone": 0.05},
}  # fmt: skip

#: Share of records whose given name is written otherwise than it is, by source: (nickname, initial, misspelt).
_GIVEN = {
    "ehr": (0.04, 0.0, 0.035),
    "portal": (0.08, 0.0, 0.05),
    "billing": (0.01, 0.0, 0.035),
    "call": (0.1, 0.06, 0.1),
}
_FAMILY = {"ehr": (0.016, 0.03), "portal": (0.002, 0.03), "billing": (0.007, 0.03), "call": (0.006, 0.1)}
_PLACEHOLDER_PHONES = np.array(["0000000000", "5555555555", "1234567890", "9999999999"], dtype=object)
_PLACEHOLDER_MAILS = np.array(["none@none.com", "na@na.com", "noemail@hospital.org"], dtype=object)
_LETTERS = np.array(list("etaonrishdlucmy"), dtype=object)
_ONSETS = ("b", "br", "c", "d", "f", "g", "h", "k", "l", "m", "n", "p", "r", "s", "st", "t", "v", "w")
_NUCLEI = ("a", "e", "i", "o", "u", "ou", "ea")
_ENDS = ("ck", "ford", "ger", "ham", "ley", "man", "ner", "rd", "sen", "ski", "ton", "vez", "wood", "ndez")
_BORN_MINOR, _LAST_BIRTH = 13500, 20000  # days since 1970
_COMMON_FAMILIES = 0.6  # share of families of a common name; the others draw from the long tail

Column = np.ndarray[Any, Any]


class Draw:
    """A seeded generator with the draws that are needed again and again."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def happens(self, n: int, share: float | Column) -> Column:
        """Return ``n`` booleans, true for ``share`` of them (one share, or one each)."""
        return self.rng.random(n) < share

    def digits(self, n: int, length: int, first: int = 1) -> Column:
        """Return ``n`` numbers of ``length`` digits as text."""
        low = first * 10 ** (length - 1)
        return self.rng.integers(low, 10**length, n).astype(str).astype(object)

    def weighted(self, n: int, weights: dict[str, float]) -> Column:
        """Return ``n`` lower-case names by their weights."""
        shares = np.array(list(weights.values()))
        names = np.array([name.lower() for name in weights], dtype=object)
        return names[self.rng.choice(len(names), n, p=shares / shares.sum())]


def people(persons: int, noise: float = 1.0, seed: int = 1) -> pa.Table:
    """Return the records of at least ``persons`` people, a row each, with ``truth`` and the true name and birth date.

    Args:
        persons: about 3.6 records each.
        noise: factor on every share of fields that are wrong or written otherwise; what sources leave out stays.
        seed: the same seed gives the same rows.

    """
    draw = Draw(seed)
    true = _population(draw, persons)
    records = [_records(draw, true, source, noise) for source in SOURCES]
    table = pa.concat_tables([pa.table(columns) for columns in records], promote_options="default")
    rid = [f"{source}-{i:08d}" for i, source in enumerate(table["source"].to_pylist())]
    return table.append_column("rid", pa.array(rid))


def _population(draw: Draw, persons: int) -> dict[str, Column]:
    """Return the people of as many households as are needed, a row each, ordered by household."""
    rng = draw.rng
    sizes = rng.choice([1, 2, 3, 4, 5, 6], persons, p=[0.29, 0.27, 0.15, 0.14, 0.135, 0.015])
    sizes = sizes[: int(np.searchsorted(np.cumsum(sizes), persons)) + 1]
    hid = np.repeat(np.arange(len(sizes)), sizes)
    place = np.arange(len(hid)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    n, homes = len(hid), len(sizes)
    head_born = rng.integers(-14000, 11000, homes)  # days since 1970
    born = head_born[hid] + np.where(place == 1, rng.integers(-1100, 1100, n), 0)
    child_born = head_born[hid] + rng.integers(22 * 365, 33 * 365, n)
    born = np.where(
        place > 1, np.where(child_born > _LAST_BIRTH, rng.integers(_BORN_MINOR, _LAST_BIRTH, n), child_born), born
    )
    twin_home = draw.happens(homes, 0.1) & (sizes >= 4)
    born[place == 3] = np.where(twin_home[hid[place == 3]], born[np.flatnonzero(place == 3) - 1], born[place == 3])
    male = draw.happens(n, 0.5)
    male[place == 1] = ~male[np.flatnonzero(place == 1) - 1]
    given = np.where(male, draw.weighted(n, Provider.first_names_male), draw.weighted(n, Provider.first_names_female))
    twins = np.flatnonzero((place == 3) & twin_home[hid])
    same = twins[given[twins] == given[twins - 1]]
    given[same] = "alexandria"
    child = np.flatnonzero((place == 2) & male & draw.happens(n, 0.15))
    father = np.where(male[child - 2], child - 2, child - 1)
    given[child] = given[father]
    suffix = np.full(n, None, dtype=object)
    suffix[child], suffix[father] = "jr", "sr"
    family = _families(draw, homes)[hid]
    other = (place == 1) & draw.happens(n, 0.15)
    family[other] = _families(draw, int(other.sum()))
    return {
        "truth": np.arange(n), "hid": hid, "given": given, "family": family, "suffix": suffix, "born": born,
        "sex": np.where(male, "m", "f").astype(object), "maiden": _families(draw, n),
        "twin": ((place == 3) | ((place == 2) & (np.roll(place, -1) == 3))) & twin_home[hid],
        **_contacts(draw, hid, place, (given, family), born),
    }  # fmt: skip


def _families(draw: Draw, n: int) -> Column:
    common = draw.weighted(n, Provider.last_names)
    rng = draw.rng
    parts = [
        np.array(part, dtype=object)[rng.integers(0, len(part), n)]
        for part in (_ONSETS, _NUCLEI, _ONSETS, _NUCLEI, _ENDS)
    ]
    rare = parts[0] + parts[1] + parts[2] + parts[3] + parts[4]
    return np.where(draw.happens(n, _COMMON_FAMILIES), common, rare)


def _contacts(draw: Draw, hid: Column, place: Column, name: tuple[Column, Column], born: Column) -> dict[str, Column]:
    """Return what a household shares and what each person has alone.

    Children use the head's telephone, half of them the mail address.
    """
    given, family = name
    n, homes = len(hid), int(hid[-1]) + 1
    head = np.searchsorted(hid, hid)
    minor = born > _BORN_MINOR
    streets = np.array(
        ["main st", "oak ave", "forest ln", "3rd ct", "union dr", "broad ave", "park rd", "lake ter"], dtype=object
    )
    address = draw.digits(homes, 4) + " " + streets[draw.rng.integers(0, len(streets), homes)]
    zips = draw.rng.integers(10000, 99999, max(homes // 60, 20))
    year = (1970 + born // 365.25).astype(int).astype(str).astype(object)
    host = np.array(["@gmail.com", "@yahoo.com", "@aol.com", "@outlook.com"], dtype=object)[draw.rng.integers(0, 4, n)]
    kind = draw.rng.integers(0, 4, n)
    user = np.where(
        kind == 0, given + "." + family, np.where(kind == 1, given + year, given + family + draw.digits(n, 3))
    )
    email = user + host
    own_phone = draw.digits(n, 10, first=2)
    shares_phone = minor | draw.happens(n, 0.3)
    shares_mail = draw.happens(n, 0.12) | (minor & draw.happens(n, 0.5))
    own_policy = draw.happens(n, 0.05)
    subscriber = np.where(own_policy, draw.digits(n, 9), draw.digits(homes, 9)[hid])
    dependent = np.where(own_policy, "01", np.char.zfill((place + 1).astype(str), 2)).astype(object)
    return {
        "phone": np.where(shares_phone, own_phone[head], own_phone), "second_phone": draw.digits(n, 10, first=2),
        "email": np.where(shares_mail, email[head], email), "second_email": user + "@hotmail.com",
        "address": address[hid], "zip": zips[draw.rng.integers(0, len(zips), homes)].astype(str).astype(object)[hid],
        "ssn4": draw.digits(n, 4), "subscriber": subscriber, "dependent": dependent,
    }  # fmt: skip


def _records(draw: Draw, true: dict[str, Column], source: str, noise: float) -> dict[str, Any]:
    """Return the columns of one source's records."""
    kind, (share, more) = source[:3] if source.startswith("ehr") else source, SOURCES[source]
    n = len(true["truth"])
    further = draw.rng.poisson(more, n) if kind == "call" else draw.happens(n, more)
    if kind == "portal":  # few children have an account
        share = np.where(true["born"] > _BORN_MINOR, share / 3, share * 1.06)
    who = np.repeat(np.arange(n), draw.happens(n, share) * (1 + further))
    rows = len(who)
    one = {name: column[who] for name, column in true.items()}
    values = {
        "given": _written_given(draw, one["given"], _GIVEN[kind], noise),
        "family": _written_family(draw, one, _FAMILY[kind], noise),
        "birth": _written_birth(draw, one["born"], noise),
        "sex": one["sex"],
        "phone": _written_phone(draw, one, 0.12 if kind == "ehr" else 0.3, noise),
        "email": _written_email(draw, one, 0.15, noise),
        "address": np.where(draw.happens(rows, 0.04 * noise), draw.digits(rows, 4) + " moved rd", one["address"]),
        "zip": one["zip"],
        "ssn4": np.where(draw.happens(rows, 0.01 * noise), draw.digits(rows, 4), one["ssn4"]),
        "member": one["subscriber"] + np.where(draw.happens(rows, 0.25 * noise), "", one["dependent"]),
    }
    columns: dict[str, Any] = {"source": np.full(rows, source, dtype=object)}
    names = {"given": "first", "family": "last", "birth": "dob", "address": "addr"}
    for field, share_missing in _MISSING[kind].items():
        columns[names.get(field, field)] = np.where(draw.happens(rows, share_missing), None, values[field])
    if kind == "portal":  # an account has a whole name or none
        columns["last"] = np.where(columns["first"] == None, None, values["family"])  # noqa: E711 - elementwise
    if kind == "ehr":
        columns |= {
            "mrn_sys": columns["source"],
            "mrn": np.char.add(source[-1], np.arange(rows).astype(str)).astype(object),
        }
        columns["suffix"] = np.where(draw.happens(rows, 0.5), one["suffix"], None)
        true.setdefault("chart_system", np.full(n, None, dtype=object))[who] = columns["mrn_sys"]
        true.setdefault("chart", np.full(n, None, dtype=object))[who] = columns["mrn"]
    if kind == "call":
        told = draw.happens(rows, 0.3)  # of those who have a chart
        columns |= {"mrn_sys": np.where(told, one["chart_system"], None), "mrn": np.where(told, one["chart"], None)}
    columns |= {
        "truth": one["truth"], "hid": one["hid"], "twin": one["twin"].astype(int), "tfirst": one["given"],
        "tlast": one["family"], "tdob": _day(one["born"]),
    }  # fmt: skip
    return columns


def _written_given(draw: Draw, given: Column, shares: tuple[float, float, float], noise: float) -> Column:
    nickname, initial, misspelt = shares
    written = given.copy()
    known = _nicknames()
    short = np.flatnonzero(draw.happens(len(given), nickname * 2 * noise))  # half of the names have short forms
    picks = draw.rng.integers(0, 1000, len(short))
    for row, pick in zip(short, picks, strict=True):
        forms = known.get(given[row], ())
        if forms:
            written[row] = forms[pick % len(forms)]
    cut = draw.happens(len(given), initial * noise)
    written[cut] = [name[0] for name in written[cut]]
    return _misspell(draw, written, misspelt * noise)


def _written_family(draw: Draw, one: dict[str, Column], shares: tuple[float, float], noise: float) -> Column:
    maiden, misspelt = shares
    family = np.where(draw.happens(len(one["family"]), maiden * noise), one["maiden"], one["family"])
    return _misspell(draw, family, misspelt * noise)


def _misspell(draw: Draw, names: Column, share: float) -> Column:
    """Exchange two letters, replace, drop or double one in ``share`` of the names."""
    names = names.copy()
    rows = np.flatnonzero(draw.happens(len(names), share))
    draws = draw.rng.integers(0, 1 << 20, (3, len(rows)))
    for row, place, kind, letter in zip(rows, *draws, strict=True):
        name = names[row]
        if len(name) < 3:
            continue
        i = 1 + int(place) % (len(name) - 2)
        middle = (
            name[i + 1] + name[i],
            _LETTERS[letter % len(_LETTERS)] + name[i + 1],
            name[i + 1],
            name[i] * 2 + name[i + 1],
        )
        names[row] = name[:i] + middle[kind % 4] + name[i + 2 :]
    return names


def _day(born: Column) -> Column:
    return np.datetime_as_string(np.datetime64("1970-01-01") + born.astype("timedelta64[D]")).astype(object)


def _written_birth(draw: Draw, born: Column, noise: float) -> Column:
    n = len(born)
    slip = np.where(draw.happens(n, 0.012 * noise), draw.rng.choice([-3650, -365, -31, -1, 1, 30, 366, 3652], n), 0)
    written = _day(born + slip)
    swapped = draw.happens(n, 0.006 * noise)
    written[swapped] = [f"{d[:4]}-{d[8:]}-{d[5:7]}" if d[8:] <= "12" else d for d in written[swapped]]
    return np.where(draw.happens(n, 0.01 * noise), "1900-01-01", written)


def _written_phone(draw: Draw, one: dict[str, Column], other: float, noise: float) -> Column:
    n = len(one["phone"])
    phone = np.where(draw.happens(n, min(other * noise, 0.6)), one["second_phone"], one["phone"])
    phone = np.where(draw.happens(n, 0.02 * noise), draw.digits(n, 10, first=2), phone)
    return np.where(draw.happens(n, 0.013 * noise), _PLACEHOLDER_PHONES[draw.rng.integers(0, 4, n)], phone)


def _written_email(draw: Draw, one: dict[str, Column], other: float, noise: float) -> Column:
    n = len(one["email"])
    email = np.where(draw.happens(n, other * noise), one["second_email"], one["email"])
    return np.where(draw.happens(n, 0.01 * noise), _PLACEHOLDER_MAILS[draw.rng.integers(0, 3, n)], email)


def _nicknames() -> dict[str, list[str]]:
    with NICKNAMES_FILE.open() as file:
        return {row["name"]: row["nicknames"].split() for row in csv.DictReader(file)}


def write_identities(path: Path, persons: int, noise: float = 1.0, seed: int = 1) -> None:
    """Write people as `identity_records` and ``truth``, who each really is."""
    columns = {name: sql for name, sql in DEFAULT_COLUMNS.items() if name in RECORD_COLUMNS}
    selected = ", ".join(f"{sql} as {name}" for name, sql in columns.items())
    with duckdb.connect() as con:
        con.register("delivered", people(persons, noise, seed))
        con.execute(f"copy (select {selected}, timestamp '2024-01-01' as valid_from, truth from delivered) to '{path}'")


def main() -> None:
    """Write one file of records."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("file", type=Path)
    arguments.add_argument("--persons", type=int, default=13_000)
    arguments.add_argument("--noise", type=float, default=1.0)
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()
    pq.write_table(people(given.persons, given.noise, given.seed), given.file)


if __name__ == "__main__":
    main()
