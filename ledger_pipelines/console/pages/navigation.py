"""Where the pages are, and who is led there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger_pipelines.console.access import ADMINS, CLERKS
from ledger_pipelines.console.identity.person import Permission, Person


@dataclass(frozen=True, slots=True)
class Place:
    """A page: its path, and what the navigation calls it."""

    path: str
    name: str
    permissions: frozenset[Permission] = CLERKS


@dataclass(frozen=True, slots=True)
class Area:
    """Pages that belong together."""

    name: str
    places: Sequence[Place]


AREAS = (
    Area("Billing", (Place("/", "Dashboard"), Place("/periods", "Periods"), Place("/history", "History"))),
    Area(
        "Books",
        (Place("/accruals", "Accruals"), Place("/ledgers", "Ledgers"), Place("/cfo", "CFO")),
    ),
    Area("Imports", (Place("/sync", "Sync"), Place("/errors", "Errors"))),
    Area(
        "Admin",
        (
            Place("/admin/plans", "Plans", ADMINS),
            Place("/admin/features", "Features", ADMINS),
            Place("/admin/pullers", "Pullers", ADMINS),
            Place("/admin/settings", "Settings", ADMINS),
        ),
    ),
)


def areas_of(person: Person | None) -> list[Area]:
    """The pages that this person may open; none for nobody."""
    if person is None:
        return []
    areas = [
        Area(area.name, [place for place in area.places if person.permission in place.permissions])
        for area in AREAS
    ]
    return [area for area in areas if area.places]
