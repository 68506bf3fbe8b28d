"""Invented contacts and the places where they work.

A contact's id may stand under a second company, as at a customer and its branch (wire/codex.md, Contact).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ledger_pipelines.sandbox.hivematrix.directory import Identity, slug
from ledger_pipelines.sandbox.hivematrix.names import COUNTRIES, TITLES, Country
from ledger_pipelines.sandbox.hivematrix.world import serialised

#: Of every so many companies, the second shares a contact with the first.
SHARING = 40

_SLUGS = {name: slug(name) for country in COUNTRIES for name in (*country.first_names, *country.last_names)}


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact's record and what its tickets repeat of it."""

    row: bytes
    name: str
    email: str


def draw_contacts(
    rng: np.random.Generator, owners: list[Identity], counts: list[int], *, first_id: int
) -> Iterator[list[Contact]]:
    """For each owner in turn, its contacts; `counts` says how many. Ids run on from `first_id`.

    The second of every `SHARING` companies has the first's first contact besides its own.
    """
    draws = rng.random((sum(counts), 6)).tolist()
    position = 0
    previous: list[Contact] = []
    for owner, count in zip(owners, counts, strict=True):
        taken: dict[str, int] = {}
        contacts = [
            _contact(owner, first_id + at, draws[at], taken) for at in range(position, position + count)
        ]
        position += count
        if owner.position % SHARING == 1:
            contacts.extend(previous[:1])
        previous = contacts
        yield contacts


def _contact(owner: Identity, number: int, draw: list[float], taken: dict[str, int]) -> Contact:
    country = owner.country
    first = country.first_names[int(draw[0] * len(country.first_names))]
    last = country.last_names[int(draw[1] * len(country.last_names))]
    mailbox = f"{_SLUGS[first]}.{_SLUGS[last]}"
    taken[mailbox] = taken.get(mailbox, 0) + 1
    if taken[mailbox] > 1:
        mailbox = f"{mailbox}{taken[mailbox]}"
    email = f"{mailbox}@{owner.domain}"
    name = f"{first} {last}"
    row = {
        "active": draw[2] >= 0.1,
        "email": email,
        "employment_type": "Full Time"
        if draw[3] < 0.92
        else "Part Time"
        if draw[3] < 0.975
        else "Contractor",
        "id": number,
        "mobile_phone_number": _phone(country, draw[4] / 0.4) if draw[4] < 0.4 else None,
        "name": name,
        "secondary_emails": f'["alt.{email}"]' if draw[2] > 0.92 else "[]",
        "title": TITLES[int(draw[5] * len(TITLES))],
        "work_phone_number": _phone(country, draw[3] / 0.65) if draw[3] < 0.65 else None,
    }
    return Contact(serialised(row), name, email)


def _phone(country: Country, draw: float) -> str:
    return f"{country.phone}{int(draw * 1000):03d}"


def draw_locations(rng: np.random.Generator, owners: list[Identity], *, first_id: int) -> list[list[bytes]]:
    """For each owner, none to three places. Ids run on from `first_id`."""
    counts = rng.choice(4, len(owners), p=[0.15, 0.5, 0.2, 0.15]).tolist()
    number = first_id
    locations = []
    for owner, count in zip(owners, counts, strict=True):
        rows = []
        for name in ("Main Office", "Warehouse", "Branch")[:count]:
            street = owner.country.streets[number % len(owner.country.streets)]
            phone = _phone(owner.country, number % 1000 / 1000) if name == "Main Office" else None
            address = f"{100 + number % 900} {street}"
            row = {"address": address, "id": number, "name": name, "phone_number": phone}
            rows.append(serialised(row))
            number += 1
        locations.append(rows)
    return locations
