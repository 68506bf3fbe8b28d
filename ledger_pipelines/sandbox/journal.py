"""What was asked of a sandbox, and which failures it put in the way."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class InjectedFault:
    """One request that was made to fail: the how-manieth it was, and how it failed."""

    request: int
    route: str
    path: str
    kind: str


@dataclass(slots=True)
class Journal:
    """Counts of requests for each route, and the faults, in the order of arrival."""

    routes: Counter[str] = field(default_factory=Counter)
    faults: list[InjectedFault] = field(default_factory=list)
    total: int = 0

    def note_request(self, route: str) -> int:
        """Counts a request; says the how-manieth it is, from 1."""
        self.total += 1
        self.routes[route] += 1
        return self.total

    def of(self, system: str) -> dict[str, int]:
        """How often each route of one system (codex, core, holded, 4geeks, notion, …) was asked for."""
        return {route: count for route, count in self.routes.items() if _belongs(route, system)}

    def as_json(self, system: str | None = None) -> dict[str, Any]:
        """The body of `GET /sandbox/requests`: of all systems, or of one."""
        if system is None:
            faults = [asdict(fault) for fault in self.faults]
            return {"total": self.total, "routes": dict(self.routes), "faults": faults}
        routes = self.of(system)
        faults = [asdict(fault) for fault in self.faults if _belongs(fault.route, system)]
        return {"total": sum(routes.values()), "routes": routes, "faults": faults}


def _belongs(route: str, system: str) -> bool:
    return route.partition(" ")[2].startswith(f"/{system}/")


def route_of(method: str, path: str) -> str:
    """The route that a path belongs to, with its parameters named, such as
    `GET /codex/api/companies/{account}/assets`. All assets' requests are one route."""
    parts = path.split("/")
    match parts:
        case ["", "codex", "api", "companies", account, *_] if account not in ("", "bulk"):
            parts[4] = "{account}"
        case ["", "codex", "billing-plans", "api", "plans", _, _]:
            parts[5:] = ["{name}", "{term}"]
        case ["", "holded", "api", "invoicing", "v1", "contacts", _]:
            parts[6] = "{id}"
        case ["", "4geeks", "v1", "auth", "academy", "member", _]:
            parts[6] = "{email}"
        case ["", "notion", "v1", "databases" | "data_sources" | "pages", _, *_]:
            parts[4] = "{id}"
        case ["", "freshservice", "api", "v2", "tickets", _, *_]:
            parts[5] = "{id}"
        case ["", "datto", "api", "v2", "device" | "site", _, *_]:
            parts[5] = "{uid}"
    return f"{method} {'/'.join(parts)}"
