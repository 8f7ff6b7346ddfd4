"""Pools of names and addresses, made once by Faker and drawn from ever after.

Belongs here: the pools and unique contact details. Does not belong: who gets them.
Faker costs tens of microseconds a value, so it is never called per record.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from faker import Faker

_AREA_CODES: tuple[str, ...] = (
    "617",
    "508",
    "781",
    "978",
    "413",
    "857",
    "774",
    "351",
    "339",
    "207",
    "603",
    "802",
    "401",
    "860",
    "203",
)
_AREA_CODES += ("475", "959", "518", "838", "315", "680", "607", "845", "914", "631", "516", "934", "718", "347", "929")
_LINES = 10_000
_STRIDE = 70_001  # coprime to the number of phone numbers, so neighbours do not get consecutive ones
_MAIL_HOSTS = ("example.org", "example.com", "example.net")


class Pools(NamedTuple):
    """Names and addresses to draw from."""

    female: list[str]
    male: list[str]
    family: list[str]
    street: list[str]
    place: list[tuple[str, str]]  # city, ZIP


@lru_cache
def pools(seed: int) -> Pools:
    """Return the pools of a seed; the same seed gives the same pools."""
    fake = Faker("en_US")
    fake.seed_instance(seed)

    def many(make: str, n: int) -> list[str]:
        return list(dict.fromkeys(str(getattr(fake, make)()) for _ in range(n)))

    places = [(str(fake.city()), str(fake.postalcode_in_state("MA"))) for _ in range(60)]
    families = [*many("last_name", 900), "O'Brien", "de la Cruz", "Nuñez", "Smith-Jones"]
    return Pools(
        many("first_name_female", 500), many("first_name_male", 500), families, many("street_address", 1500), places
    )


def phone(number: int) -> str:
    """Return the phone number of a household line; distinct for the first 300,000 lines."""
    key = number * _STRIDE % (len(_AREA_CODES) * _LINES)
    return f"({_AREA_CODES[key // _LINES]}) 555-{key % _LINES:04d}"


def e164(number: str) -> str:
    """Return a US phone number as ``+1NNNNNNNNNN``."""
    return "+1" + "".join(c for c in number if c.isdigit())[-10:]


def email(given: str, family: str, number: int) -> str:
    """Return a mail address of its own for person ``number``."""
    plain = "".join(c for c in f"{given}.{family}".lower() if c.isascii() and (c.isalnum() or c == "."))
    return f"{plain}{number}@{_MAIL_HOSTS[number % len(_MAIL_HOSTS)]}"
