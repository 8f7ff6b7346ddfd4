"""The people of the sample hospital: households, their insurance, health and habits.

Belongs here: who somebody is before anything happens. Does not belong: what happens, and how sources record it.
Households share surnames, phones, mail addresses and subscriber ids; they hold twins and junior/senior pairs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import NamedTuple

from orchestration.sample import names
from orchestration.sample.clock import DAY, Period, quarter, quarter_start

PANEL = 500  # patients simulated together, around providers of their own

PAYERS = {
    "harbor": ("HHP01", "HARBOR HEALTH PLAN", "HM"),
    "bay": ("BMI02", "BAY MUTUAL INSURANCE", "CI"),
    "medicare": ("MDC00", "MEDICARE PART B", "MB"),
    "medicaid": ("SMA77", "STATE MEDICAL ASSISTANCE", "MC"),
    "silver": ("SLV05", "SILVER SUPPLEMENT", "CI"),
}
_RACES = (("2106-3", "White"), ("2054-5", "Black or African American"), ("2028-9", "Asian"), ("2131-1", "Other Race"))


@dataclass(slots=True)
class Record:
    """One EHR record of a person; duplicates have a second one."""

    patient_id: str
    mrn: str
    mrn_system: str


class Lead(NamedTuple):
    """How long an appointment was waited for: the day it was for, its department, days from booking to that day."""

    due_on: date
    department: str
    days: int


@dataclass(slots=True)
class Waits:
    """A person's waits and refills by calendar quarter, for the truth only (estimands.py)."""

    leads: dict[int, list[Lead]] = field(default_factory=dict)
    lost: dict[int, float] = field(default_factory=dict)  # days without a drug that the planted effect brought
    fills: dict[str, tuple[int, int]] = field(default_factory=dict)  # first and last fill by prescription

    def lose(self, lost_days: float, gap_days: float, until: int) -> None:
        """Take days lost to the effect within a gap that ends at ``until``, split where a quarter begins."""
        if gap_days <= 0:
            return
        first, last = until - int(gap_days * DAY), until - 1
        share = 1.0
        if quarter(first) != quarter(last):
            share = (quarter_start(quarter(last)) - first) / (until - first)
            self.lost[quarter(last)] = self.lost.get(quarter(last), 0.0) + lost_days * (1 - share)
        self.lost[quarter(first)] = self.lost.get(quarter(first), 0.0) + lost_days * share


@dataclass(slots=True)
class Person:
    """A patient, with what shapes their journey."""

    number: int
    given: str
    family: str
    sex: str  # F | M
    born: date
    middle: str = ""
    suffix: str = ""
    maiden: str = ""
    phone: str = ""
    email: str = ""
    line: str = ""
    city: str = ""
    zip: str = ""
    ssn: str = ""
    race: tuple[str, str] = _RACES[0]
    hispanic: bool = False
    language: str = "en"
    records: list[Record] = field(default_factory=list)
    # insurance
    payer: str = "harbor"
    secondary: str = ""
    subscriber: Person | None = None  # None: is the subscriber
    subscriber_id: str = ""
    dependent: str = "00"
    gap: tuple[int, int] | None = None  # not covered from .. to
    # health and habits
    chronic: tuple[str, ...] = ()  # drug classes taken
    home: str = ""  # primary care department
    fussy: int = 0  # open slots passed over when booking
    patience: float = 8.0  # minutes in a phone queue
    forgetful: float = 0.0  # 0 is average
    content: float = 0.0  # 0 is average
    account: str = ""  # portal user id
    devices: tuple[str, ...] = ()
    tells_mrn: bool = False  # the portal account carries the MRN
    # what they have lived through
    strain: float = 8.0  # felt wait in days, fading with newer waits
    troubles: int = 0  # unresolved calls, denied claims since the last survey
    missed: int = 0
    visits: int = 0
    waits: Waits = field(default_factory=Waits)
    died: int | None = None
    moved_on: dict[str, int] = field(default_factory=dict)  # open matters by kind

    def age(self, on: date) -> int:
        """Return the completed years."""
        return on.year - self.born.year - ((on.month, on.day) < (self.born.month, self.born.day))

    def is_older(self, on: date) -> bool:
        """Tell whether the person is of an age at which more people answer surveys."""
        return self.age(on) > 50

    @property
    def member_id(self) -> str:
        """Subscriber id and two-digit dependent code."""
        return self.subscriber_id + self.dependent

    def insured(self, t: int) -> bool:
        """Tell whether the coverage holds at ``t``."""
        return self.gap is None or not self.gap[0] <= t < self.gap[1]


class Census:
    """Fills one panel with households."""

    def __init__(self, rng: Random, period: Period, seed: int, first: int) -> None:
        self.rng, self.period = rng, period
        self.pools = names.pools(seed)
        self.next_number = first
        self.next_household = first

    def people(self, count: int) -> list[Person]:
        """Return ``count`` people in households; the last household may be cut short."""
        found: list[Person] = []
        while len(found) < count:
            found += self._household()[: count - len(found)]
        for person in found:
            self._habits(person)
        return found

    def _born(self, age: float) -> date:
        return self.period.start - timedelta(days=int(age * 365.25) + self.rng.randrange(365))

    def _person(self, sex: str, family: str, born: date) -> Person:
        rng, number = self.rng, self.next_number
        self.next_number += 1
        pool = self.pools.female if sex == "F" else self.pools.male
        person = Person(number, rng.choice(pool), family, sex, born, middle=rng.choice("ABCDEFGJKLMRST"))
        person.email = names.email(person.given, family, number)
        if rng.random() < 0.6:
            person.ssn = f"9{number % 100:02d}-{(number // 100) % 90 + 10:02d}-{rng.randrange(1, 9999):04d}"
        return person

    def _household(self) -> list[Person]:
        """Return adults first, then children; everybody is tied to the head's insurance unless over 65."""
        rng = self.rng
        size = rng.choices((1, 2, 3, 4, 5), (35, 30, 13, 14, 8))[0]
        family = rng.choice(self.pools.family)
        age = min(92.0, max(21.0, rng.gauss(52, 18) if size < 3 else rng.gauss(41, 7)))
        members = [self._person(rng.choice("FM"), family, self._born(age))]
        if size > 1:
            other = "M" if members[0].sex == "F" else "F"
            surname = family if rng.random() < 0.8 else rng.choice(self.pools.family)
            members.append(self._person(other, surname, self._born(max(20.0, age + rng.gauss(0, 3)))))
        children = self._children(age, size - 2, family)
        self._junior(members, children)
        self._share(members, children)
        self._insure(members, children)
        return members + children

    def _children(self, age: float, count: int, family: str) -> list[Person]:
        rng = self.rng
        oldest = max(0.0, min(24.0, age - 22))
        children = [self._person(rng.choice("FM"), family, self._born(rng.uniform(0, oldest))) for _ in range(count)]
        if len(children) >= 2 and rng.random() < 0.12:
            self._twins(children[0], children[1])
        return children

    def _twins(self, first: Person, second: Person) -> None:
        second.born = first.born
        if second.given == first.given:
            pool = self.pools.female if second.sex == "F" else self.pools.male
            second.given = next(name for name in pool if name != first.given)
            second.email = names.email(second.given, second.family, second.number)

    def _junior(self, members: list[Person], children: list[Person]) -> None:
        father = next((p for p in members if p.sex == "M"), None)
        son = next((c for c in children if c.sex == "M"), None)
        if father and son and self.rng.random() < 0.15:
            son.given, son.middle, son.family = father.given, father.middle, father.family
            father.suffix, son.suffix = "Sr", "Jr"
            son.email = names.email(son.given, son.family, son.number)

    def _share(self, members: list[Person], children: list[Person]) -> None:
        """Give the household its address, phones and mail addresses; children use a parent's."""
        rng, head = self.rng, members[0]
        street, (city, zip_code) = rng.choice(self.pools.street), rng.choice(self.pools.place)
        landline, one_mail = rng.random() < 0.35, rng.random() < 0.15
        race, hispanic = rng.choices(_RACES, (70, 14, 10, 6))[0], rng.random() < 0.12
        language = "es" if hispanic and rng.random() < 0.4 else "en"
        for person in members + children:
            person.line, person.city, person.zip = street.replace("\n", " "), city, zip_code
            person.race, person.hispanic, person.language = race, hispanic, language
            minor = person.age(self.period.start) < 18
            person.phone = names.phone(2 * self.next_household)
            if not (landline or minor) and person is not head:
                self.next_household += 1
                person.phone = names.phone(2 * self.next_household + 1)
            if (one_mail or minor) and person is not head:
                person.email = head.email
        self.next_household += 1
        if len(members) > 1 and members[1].sex == "F" and members[1].family == head.family and rng.random() < 0.15:
            members[1].maiden = rng.choice(self.pools.family)

    def _insure(self, members: list[Person], children: list[Person]) -> None:
        rng, head = self.rng, members[0]
        payer = rng.choices(("harbor", "bay", "medicaid"), (50, 32, 18))[0]
        subscriber_id = f"{rng.choice('HBKLW')}{rng.randrange(10**8):08d}"
        for position, person in enumerate(members + children):
            if person.age(self.period.start) >= 65:
                person.payer, person.dependent = "medicare", "00"
                person.secondary = "silver" if rng.random() < 0.3 else ""
                person.subscriber_id = f"M{rng.randrange(10**8):08d}"
                continue
            person.payer, person.subscriber_id = payer, subscriber_id
            person.dependent = f"{position:02d}"
            person.subscriber = head if position and head.payer == payer else None
            if person.subscriber is None and position:  # a retired head: the spouse or child carries an own contract
                person.subscriber_id = f"{rng.choice('HBKLW')}{rng.randrange(10**8):08d}"
                person.dependent = "00"

    def _habits(self, person: Person) -> None:
        rng, age = self.rng, person.age(self.period.start)
        risks: dict[str, Callable[[int], float]] = {
            "ras": lambda a: (a - 25) / 75,
            "statin": lambda a: (a - 28) / 80,
            "diabetes": lambda a: (a - 25) / 150,
        }
        person.chronic = tuple(kind for kind, risk in risks.items() if rng.random() < risk(age))
        person.fussy = rng.choices((0, 1, 2, 4), (55, 22, 15, 8))[0]
        person.patience = rng.expovariate(1 / 9)
        person.forgetful = rng.gauss(0.25 if age < 35 else -0.1, 0.8)
        person.content = rng.gauss(0, 1)
        if rng.random() < 0.15:
            start = self.period.begin + rng.randrange(self.period.months * 30) * 86_400
            person.gap = (start, start + rng.randrange(20, 80) * 86_400)
