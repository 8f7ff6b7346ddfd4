"""X12 5010 text: envelopes, 837P/837I claims and 835 remittances.

Belongs here: segments and their order. Does not belong: who is billed what (billing.py).
Amounts are whole cents; every 835 balances, per claim and in BPR02, unless a claim is marked ``broken``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from orchestration.sample import hospital
from orchestration.sample.people import PAYERS, Person
from orchestration.sample.write import Deliveries, Output, Place

_SENDER, _CLEARING = "RIVERSIDE", "CLEARINGHOUSE"
_VERSION = {"837P": "005010X222A1", "837I": "005010X223A2", "835": "005010X221A1"}
_GROUP = {"837P": "HC", "837I": "HC", "835": "HP"}


class Line(NamedTuple):
    """A service line: procedure, revenue code (institutional), cents, days or units."""

    code: str
    revenue: str
    cents: int
    units: int = 1


class Adjustment(NamedTuple):
    """A CAS triplet."""

    group: str
    reason: str
    cents: int


@dataclass
class Claim:
    """An 837 claim."""

    account: str
    kind: str  # 837P | 837I
    person: Person
    mrn: str  # empty: not stated
    member: str  # as stated: with or without dependent code
    payer: str
    lines: list[Line]
    icd: str
    service: tuple[date, date]
    place: str = "11"
    replaces: str = ""  # payer claim control number of the claim this one replaces

    @property
    def cents(self) -> int:
        """Total charge."""
        return sum(line.cents for line in self.lines)


@dataclass
class Remit:
    """An 835 claim payment (CLP)."""

    claim: Claim
    status: str  # CLP02: 1 primary, 2 secondary, 4 denied, 19 primary and forwarded
    control: str  # CLP07
    paid: int
    adjustments: list[list[Adjustment]]  # one list a service line; a single one without lines is claim level
    by_line: bool = True
    broken: bool = False
    line_paid: list[int] = field(default_factory=list)

    @property
    def patient(self) -> int:
        """Cents the patient owes."""
        return sum(a.cents for group in self.adjustments for a in group if a.group == "PR")


def money(cents: int) -> str:
    """Return an X12 decimal: no trailing zeros, no plus sign."""
    sign, cents = ("-", -cents) if cents < 0 else ("", cents)
    whole, part = divmod(cents, 100)
    return f"{sign}{whole}.{part:02d}".rstrip("0").rstrip(".") if part else f"{sign}{whole}"


def plain(text: str) -> str:
    """Return upper-case ASCII without X12 delimiters."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().upper()
    return "".join(c for c in ascii_text if c not in "*~:^")


class Interchanges:
    """The X12 files of a delivery: each one interchange with one group of many transactions."""

    def __init__(self, out: Deliveries) -> None:
        self.out = out
        self._open: dict[str, tuple[Output, int, int]] = {}  # name: output, interchange number, transactions

    def transaction(self, name: str, kind: str, on: date, segments: list[str], claims: int) -> Place:
        """Add one ST..SE with ``claims`` claims; returns the place of the last of them."""
        if name not in self._open:
            self._start(name, kind, on)
        output, number, count = self._open[name]
        count += 1
        self._open[name] = (output, number, count)
        head = f"ST*{kind[:3]}*{count:04d}" + ("" if kind == "835" else f"*{_VERSION[kind]}")
        text = "~\n".join([head, *segments, f"SE*{len(segments) + 2}*{count:04d}"]) + "~\n"
        return output.text(text.encode("ascii"), claims)

    def _start(self, name: str, kind: str, on: date) -> None:
        number = len(self._open) + 1
        output = self.out.output("billing", name, "x12")
        ends = (_CLEARING, _SENDER) if kind == "835" else (_SENDER, _CLEARING)
        isa = (
            f"ISA*00*{'':10}*00*{'':10}*ZZ*{ends[0]:15}*ZZ*{ends[1]:15}*{on:%y%m%d}*2200*^*00501*{number:09d}*0*P*:~\n"
        )
        gs = f"GS*{_GROUP[kind]}*{ends[0]}*{ends[1]}*{on:%Y%m%d}*2200*{number}*X*{_VERSION[kind]}~\n"
        output.text((isa + gs).encode("ascii"), 0)
        self._open[name] = (output, number, 0)

    def close(self) -> None:
        """End every group and interchange."""
        for output, number, count in self._open.values():
            output.text(f"GE*{count}*{number}~\nIEA*1*{number:09d}~\n".encode("ascii"), 0)


def claims_837(kind: str, reference: str, on: date, claims: list[Claim]) -> list[str]:
    """Return the segments of an 837 between ST and SE."""
    segments = [
        f"BHT*0019*00*{reference}*{on:%Y%m%d}*2200*CH",
        f"NM1*41*2*{plain(hospital.HOSPITAL_NAME)}*****46*{hospital.HOSPITAL_TAX_ID}",
        "PER*IC*BILLING OFFICE*TE*6175550100",
        f"NM1*40*2*{_CLEARING}*****46*CLH001",
        "HL*1**20*1",
        f"NM1*85*2*{plain(hospital.HOSPITAL_NAME)}*****XX*{hospital.HOSPITAL_NPI}",
        "N3*1 RIVER STREET",
        "N4*BOSTON*MA*021140000",
        f"REF*EI*{hospital.HOSPITAL_TAX_ID}",
    ]
    level = 1
    for claim in claims:
        level += 1
        segments += _people(claim, level)
        level += claim.person.subscriber is not None
        segments += _claim(claim)
    return segments


def _people(claim: Claim, level: int) -> Iterator[str]:
    """Yield the subscriber's and, where they are not the same, the patient's loop."""
    person, filing = claim.person, PAYERS[claim.payer][2]
    subscriber = person.subscriber or person
    dependent = person.subscriber is not None
    code, name, _ = PAYERS[claim.payer]
    yield f"HL*{level}*1*22*{int(dependent)}"
    yield f"SBR*P*{'' if dependent else '18'}*******{filing}"
    yield from _who("IL", subscriber, claim.member if not dependent else subscriber.subscriber_id)
    yield f"NM1*PR*2*{plain(name)}*****PI*{code}"
    if dependent:
        yield f"HL*{level + 1}*{level}*23*0"
        yield "PAT*19"
        yield from _who("QC", person, claim.member)


def _who(role: str, person: Person, member: str) -> Iterator[str]:
    suffix = plain(person.suffix)
    yield f"NM1*{role}*1*{plain(person.family)}*{plain(person.given)}*{plain(person.middle)}**{suffix}*MI*{member}"
    yield f"N3*{plain(person.line)}"
    yield f"N4*{plain(person.city)}*MA*{person.zip}"
    yield f"DMG*D8*{person.born:%Y%m%d}*{person.sex}"


def _claim(claim: Claim) -> Iterator[str]:
    frequency = "7" if claim.replaces else "1"
    first, last = claim.service
    if claim.kind == "837P":
        yield f"CLM*{claim.account}*{money(claim.cents)}***{claim.place}:B:{frequency}*Y*A*Y*Y"
    else:
        yield f"CLM*{claim.account}*{money(claim.cents)}***11:A:{frequency}**A*Y*Y"
        yield f"DTP*434*RD8*{first:%Y%m%d}-{last:%Y%m%d}"
        yield f"DTP*435*D8*{first:%Y%m%d}"
        yield "CL1*1*1*01"
    if claim.replaces:
        yield f"REF*F8*{claim.replaces}"
    if claim.mrn:
        yield f"REF*EA*{claim.mrn}"
    yield f"HI*ABK:{claim.icd.replace('.', '')}"
    for number, line in enumerate(claim.lines, 1):
        yield f"LX*{number}"
        if claim.kind == "837P":
            yield f"SV1*HC:{line.code}*{money(line.cents)}*UN*{line.units}***1"
        else:
            yield f"SV2*{line.revenue}*HC:{line.code}*{money(line.cents)}*UN*{line.units}"
        yield f"DTP*472*D8*{first:%Y%m%d}"


def remits_835(reference: str, on: date, remits: list[Remit], provider_adjustment: int) -> list[str]:
    """Return the segments of an 835 between ST and SE; a positive provider adjustment lowers the payment."""
    code, name, _ = PAYERS[remits[0].claim.payer]
    total = sum(remit.paid for remit in remits) - provider_adjustment
    how = "C*ACH*CCP*01*888999777*DA*24681012*1935665544**01*111333555*DA*144444" if total else "C*NON" + "*" * 10
    segments = [
        f"BPR*{'I' if total else 'H'}*{money(total)}*{how}*{on:%Y%m%d}",
        f"TRN*1*{reference}*1935665544",
        f"DTM*405*{on:%Y%m%d}",
        f"N1*PR*{plain(name)}*XV*{code}",
        "N3*100 MUTUAL PLAZA",
        "N4*BOSTON*MA*02110",
        "PER*BL*EDI SUPPORT*TE*8005550100",
        f"N1*PE*{plain(hospital.HOSPITAL_NAME)}*XX*{hospital.HOSPITAL_NPI}",
        f"REF*TJ*{hospital.HOSPITAL_TAX_ID}",
        "LX*1",
    ]
    for remit in remits:
        segments += _remit(remit)
    if provider_adjustment:
        segments.append(f"PLB*{hospital.HOSPITAL_NPI}*{on.year}1231*WO:{reference}*{money(provider_adjustment)}")
    return segments


def _remit(remit: Remit) -> Iterator[str]:
    claim, person, first = remit.claim, remit.claim.person, remit.claim.service[0]
    filing = PAYERS[claim.payer][2]
    owed = money(remit.patient) if remit.patient else ""
    place = "11*1" if claim.kind == "837I" else f"{claim.place}*1"
    amounts = f"{money(claim.cents)}*{money(remit.paid)}*{owed}"
    yield f"CLP*{claim.account}*{remit.status}*{amounts}*{filing}*{remit.control}*{place}"
    groups = [list(group) for group in remit.adjustments]
    if remit.broken:
        at = next(n for n, group in enumerate(groups) if group)
        groups[at][0] = groups[at][0]._replace(cents=groups[at][0].cents + 1000)
    if not remit.by_line:
        yield from _cas(groups[0])
    yield f"NM1*QC*1*{plain(person.family)}*{plain(person.given)}****MI*{claim.member}"
    if claim.mrn:
        yield f"REF*EA*{claim.mrn}"
    yield f"DTM*232*{first:%Y%m%d}"
    yield f"DTM*233*{claim.service[1]:%Y%m%d}"
    if not remit.by_line:
        return
    for line, paid, group in zip(claim.lines, remit.line_paid, groups, strict=True):
        yield f"SVC*HC:{line.code}*{money(line.cents)}*{money(paid)}*{line.revenue}*{line.units}"
        yield f"DTM*472*{first:%Y%m%d}"
        yield from _cas(group)


def _cas(adjustments: list[Adjustment]) -> Iterator[str]:
    """Yield one CAS a group, with up to six reasons each."""
    for code in ("CO", "OA", "PI", "PR"):
        mine = [a for a in adjustments if a.group == code and a.cents]
        if mine:
            yield f"CAS*{code}*" + "**".join(f"{a.reason}*{money(a.cents)}" for a in mine)
