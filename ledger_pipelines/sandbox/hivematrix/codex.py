"""Codex's stand-in: companies with their records, billing plans, feature options (wire/codex.md)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.hivematrix.refusals import (
    INVALID_OR_EXPIRED,
    JSON,
    MISSING_AUTHORISATION,
    UNEXPECTED,
    UnexpectedError,
    json_answer,
    local_path,
    problem,
    unexpected,
    unknown_route,
)
from ledger_pipelines.sandbox.hivematrix.shuffle import Shuffle
from ledger_pipelines.sandbox.hivematrix.tokens import Signer
from ledger_pipelines.sandbox.hivematrix.world import Company, World
from ledger_pipelines.sandbox.journal import route_of
from ledger_pipelines.sandbox.limits import RateLimit

_Endpoint = Callable[[Request], Awaitable[Response]]
_CHUNK_BYTES = 1 << 20


def codex_app(world: World, config: SandboxConfig, signer: Signer) -> Starlette:
    """Codex, to be mounted under its prefix; it takes the tokens of this Core."""
    codex = _Codex(world, config, signer)
    guarded = {
        "/api/companies": codex.companies,
        "/api/companies/bulk": codex.bulk,
        "/api/companies/{account}": codex.company,
        "/api/companies/{account}/assets": codex.assets,
        "/api/companies/{account}/contacts": codex.contacts,
        "/api/companies/{account}/locations": codex.locations,
        "/api/companies/{account}/tickets": codex.tickets,
        "/billing-plans/api/plans": codex.plans,
        "/billing-plans/api/plans/{name}/{term}": codex.plan,
        "/billing-plans/api/feature-options": codex.feature_options,
    }
    app = Starlette(
        routes=[
            *(Route(path, codex.guarded(endpoint)) for path, endpoint in guarded.items()),
            Route("/health", _health),
        ],
        exception_handlers={404: unknown_route, 405: unexpected, UnexpectedError: unexpected},
    )
    app.router.redirect_slashes = False
    return app


async def _health(_: Request) -> Response:
    """Always degraded, so that a client that waits for better is found out (wire/codex.md, `GET /health`)."""
    return json_answer({"service": "codex", "status": "degraded"}, 503)


class _Codex:
    """The endpoints over one world."""

    def __init__(self, world: World, config: SandboxConfig, signer: Signer) -> None:
        self._world = world
        self._signer = signer
        self._seed = config.seed
        self._limit = RateLimit(config.rate_limit)
        self._answers = 0

    def guarded(self, endpoint: _Endpoint) -> _Endpoint:
        """`endpoint` behind the rate limit and the token, in the real one's order."""

        async def answer(request: Request) -> Response:
            instance = local_path(request.scope)
            client = request.client.host if request.client else ""
            if not self._limit.allows(route_of(request.method, request.scope["path"]), client):
                return problem(500, UNEXPECTED, instance)
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            if scheme != "Bearer" or not token:
                return problem(401, MISSING_AUTHORISATION, instance)
            if not self._signer.is_good(token):
                return problem(401, INVALID_OR_EXPIRED, instance)
            return await endpoint(request)

        return answer

    async def companies(self, _: Request) -> Response:
        return self._array([company.row for company in self._world.companies_now()])

    async def bulk(self, request: Request) -> Response:
        companies = self._world.companies_now()
        if any(company.assets_unreadable for company in companies):
            raise UnexpectedError
        include = request.query_params.get("include_tickets", "").lower() == "true"
        prefix = request.query_params.get("year", "")
        tickets = [company.tickets_of(prefix) if include else None for company in companies]
        length = sum(map(_entry_length, companies, tickets)) + max(len(companies) - 1, 0) + 3
        shuffle = self._shuffle()
        entries = _entries(shuffle(list(zip(companies, tickets, strict=True))), shuffle)
        return StreamingResponse(_chunks(entries), media_type=JSON, headers={"content-length": str(length)})

    async def company(self, request: Request) -> Response:
        company = self._company(request)
        return Response(company.row + b"\n", media_type=JSON) if company else _no_company()

    async def assets(self, request: Request) -> Response:
        company = self._company(request)
        if company and company.assets_unreadable:
            raise UnexpectedError
        return self._array(company.assets) if company else _no_company()

    async def contacts(self, request: Request) -> Response:
        company = self._company(request)
        return self._array(company.contacts) if company else _no_company()

    async def locations(self, request: Request) -> Response:
        company = self._company(request)
        return self._array(company.locations) if company else _no_company()

    async def tickets(self, request: Request) -> Response:
        company = self._company(request)
        year = request.query_params.get("year", "")
        return self._array(company.tickets_of(year)) if company else _no_company()

    async def plans(self, _: Request) -> Response:
        plans = self._world.plans
        return json_answer({"count": len(plans), "plans": self._shuffle()(plans), "status": "success"})

    async def plan(self, request: Request) -> Response:
        name, term = request.path_params["name"], request.path_params["term"]
        for plan in self._world.plans:
            if (plan["plan_name"], plan["term_length"]) == (name, term):
                served = {key: value for key, value in plan.items() if key != "feature_display_names"}
                return json_answer({"plan": served, "status": "success"})
        return json_answer({"message": f"Plan not found: {name} ({term})", "status": "error"}, 404)

    async def feature_options(self, _: Request) -> Response:
        return Response(self._world.feature_options + b"\n", media_type=JSON)

    def _company(self, request: Request) -> Company | None:
        return self._world.company(request.path_params["account"])

    def _shuffle(self) -> Shuffle:
        self._answers += 1
        return Shuffle(self._seed, self._answers)

    def _array(self, rows: list[bytes]) -> Response:
        return Response(b"[" + b",".join(self._shuffle()(rows)) + b"]\n", media_type=JSON)


def _no_company() -> Response:
    return json_answer({"error": "Company not found"}, 404)


_PARTS = (b'{"assets":[', b'],"company":', b',"contacts":[', b'],"locations":[', b'],"tickets":[', b"]}")
_FIXED = sum(map(len, _PARTS))


def _entry_length(company: Company, tickets: list[bytes] | None) -> int:
    """How many bytes `_entry` makes."""
    length = _FIXED + len(company.row) - (len(_PARTS[4]) if tickets is None else 0)
    # Without tickets the closing of the locations' array is the entry's own.
    for rows in (company.assets, company.contacts, company.locations, tickets or []):
        length += sum(map(len, rows)) + max(len(rows) - 1, 0)
    return length


def _entry(company: Company, tickets: list[bytes] | None, shuffle: Shuffle) -> bytes:
    parts = [
        *(_PARTS[0], b",".join(shuffle(company.assets)), _PARTS[1], company.row),
        *(_PARTS[2], b",".join(shuffle(company.contacts)), _PARTS[3], b",".join(shuffle(company.locations))),
    ]
    if tickets is not None:
        parts += [_PARTS[4], b",".join(shuffle(tickets))]
    return b"".join([*parts, _PARTS[5]])


def _entries(companies: list[tuple[Company, list[bytes] | None]], shuffle: Shuffle) -> Iterator[bytes]:
    for number, (company, tickets) in enumerate(companies):
        yield (b"[" if number == 0 else b",") + _entry(company, tickets, shuffle)
    yield b"]\n" if companies else b"[]\n"


async def _chunks(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """`pieces` in chunks of about a megabyte, so that a gigabyte never stands in memory at once."""
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= _CHUNK_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)
