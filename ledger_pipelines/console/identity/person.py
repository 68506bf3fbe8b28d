"""Who asks: a person that Core has signed in, or another of HiveMatrix's services."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

#: What a token may let one do. `service` is for the other services, which Core gives no level.
Permission = Literal["admin", "technician", "billing", "client", "service"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person or a service, as Core's token says; the token was verified.

    `name` is shown, and recorded beside all that they do: a service's is `service:codex`. `expires_at` is when
    the token ends, in UTC; `token_id` is Core's id of it (`jti`), which a service's token does not have.
    """

    name: str
    permission: Permission
    expires_at: datetime
    email: str | None = None
    groups: tuple[str, ...] = ()
    token_id: str | None = None

    @property
    def is_service(self) -> bool:
        """Whether this is a program of HiveMatrix rather than somebody in front of a page."""
        return self.permission == "service"
