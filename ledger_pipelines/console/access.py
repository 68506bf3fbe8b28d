"""Who may ask for what. Each route names one of these, the page's and the API's alike; what names none is for anyone.

`client` is a customer's own sign-in: it opens nothing here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request

from ledger_pipelines.console.context import ConsoleDep
from ledger_pipelines.console.identity.person import Permission, Person
from ledger_pipelines.console.problems import Refused

READERS: frozenset[Permission] = frozenset({"technician", "billing", "admin", "service"})
WRITERS: frozenset[Permission] = frozenset({"billing", "admin", "service"})
CLERKS: frozenset[Permission] = frozenset({"billing", "admin"})
ADMINS: frozenset[Permission] = frozenset({"admin"})
SERVICES: frozenset[Permission] = frozenset({"service"})


def person_of(request: Request, console: ConsoleDep) -> Person:
    """Who asks. Raises NotSignedInError and CoreUnavailableError as the identity does."""
    person = console.identity.person(request.headers, request.cookies, console.now())
    request.state.permission = person.permission
    # A page that says what went wrong has their name, and the way out.
    request.state.person = person
    return person


def permitted(permissions: frozenset[Permission]) -> Callable[[Person], Person]:
    """A dependency that lets these through, and gives who it is; the others are refused."""

    def check(person: Annotated[Person, Depends(person_of)]) -> Person:
        if person.permission not in permissions:
            raise Refused(
                403, f"The permission {person.permission} does not open this: {_needed(permissions)}."
            )
        return person

    return check


def _needed(permissions: frozenset[Permission]) -> str:
    words = sorted(permissions)
    return f"it takes {words[0] if len(words) == 1 else ', '.join(words[:-1]) + ' or ' + words[-1]}"


Reader = Annotated[Person, Depends(permitted(READERS))]
Writer = Annotated[Person, Depends(permitted(WRITERS))]
Clerk = Annotated[Person, Depends(permitted(CLERKS))]
Admin = Annotated[Person, Depends(permitted(ADMINS))]
ServiceOnly = Annotated[Person, Depends(permitted(SERVICES))]
