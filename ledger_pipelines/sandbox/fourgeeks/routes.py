"""4Geeks' stand-in (BreatheCode): signing in, students and cohort memberships (wire/fourgeeks.md)."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from operator import attrgetter

import orjson
from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from ledger_pipelines.sandbox.compression import compressed
from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.degraded import Degradation
from ledger_pipelines.sandbox.fourgeeks.access import (
    FOURGEEKS_ACADEMY,
    FOURGEEKS_EMAIL,
    FOURGEEKS_PASSWORD,
    FOURGEEKS_TOKEN,
)
from ledger_pipelines.sandbox.fourgeeks.pages import paged
from ledger_pipelines.sandbox.school.records import MembershipRow, School, StudentRow
from ledger_pipelines.sandbox.school.refusals import fourgeeks_answer, fourgeeks_refusal

_Endpoint = Callable[[Request], Awaitable[Response]]
_LOGIN_LASTS = timedelta(days=1)
_USER_ID = 9
_NO_ACADEMY = "Missing academy_id parameter expected for the endpoint url or 'Academy' header"
_SORTS = {
    "id": attrgetter("id"),
    "created_at": attrgetter("created"),
    "updated_at": attrgetter("updated"),
}


class Logins:
    """The tokens that logins gave. The one that never expires is not among them."""

    def __init__(self, seed: int) -> None:
        """Nobody has signed in yet; the same seed gives the same tokens."""
        self._seed = seed
        self._given = 0
        self._good: set[str] = set()

    def sign_in(self) -> str:
        """A new token."""
        self._given += 1
        token = hashlib.sha1(f"{self._seed}/{self._given}".encode(), usedforsecurity=False).hexdigest()
        self._good.add(token)
        return token

    def is_good(self, token: str) -> bool:
        """Whether a request may come with `token`."""
        return token == FOURGEEKS_TOKEN or token in self._good

    def expire(self) -> None:
        """Ends every token that a login gave."""
        self._good.clear()


def fourgeeks_app(
    school: School,
    config: SandboxConfig,
    logins: Logins | None = None,
    degradation: Degradation | None = None,
) -> Starlette:
    """4Geeks, to be mounted under its prefix."""
    fourgeeks = _FourGeeks(school, logins or Logins(config.seed), degradation or Degradation())
    guarded = {
        "/auth/academy/student": fourgeeks.students,
        "/auth/academy/member/{email}": fourgeeks.member,
        "/admissions/academy/cohort/user": fourgeeks.memberships,
    }
    app = Starlette(
        routes=[
            Route("/auth/login/", fourgeeks.login, methods=["POST"]),
            *(Route(path, fourgeeks.guarded(endpoint)) for path, endpoint in guarded.items()),
        ],
        exception_handlers={404: _unknown, 405: _method},
    )
    app.router.redirect_slashes = False
    return app


async def _unknown(_: Request, __: Exception) -> Response:
    body = "<!doctype html><html><head><title>Not Found</title></head><body><h1>Not Found</h1></body></html>"
    return HTMLResponse(body, 404)


async def _method(request: Request, _: Exception) -> Response:
    return fourgeeks_refusal(405, f'Method "{request.method}" not allowed.')


class _FourGeeks:
    """The endpoints over one school."""

    def __init__(self, school: School, logins: Logins, degradation: Degradation) -> None:
        self._school = school
        self._logins = logins
        self._degradation = degradation

    def guarded(self, endpoint: _Endpoint) -> _Endpoint:
        """`endpoint` behind the token and the academy, in the real one's order."""

        async def answer(request: Request) -> Response:
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "token" or not token:
                return fourgeeks_refusal(401, "Authentication credentials were not provided.")
            if not self._logins.is_good(token):
                refusal = {"error": "Invalid or Inactive Token", "is_authenticated": "False"}
                return fourgeeks_answer(refusal | {"status_code": 401}, 401)
            academy = request.headers.get("academy", "")
            if not academy.isdecimal():
                return fourgeeks_refusal(403, _NO_ACADEMY)
            if int(academy) != FOURGEEKS_ACADEMY:
                missing = f"You (user: {_USER_ID}) don't have this capability: read_student for academy"
                return fourgeeks_refusal(403, f"{missing} {academy}")
            return await endpoint(request)

        return answer

    async def login(self, request: Request) -> Response:
        try:
            body = orjson.loads(await request.body())
        except orjson.JSONDecodeError as error:
            return fourgeeks_refusal(400, f"JSON parse error - {error}")
        given = (body.get("email"), body.get("password")) if isinstance(body, dict) else (None, None)
        if given != (FOURGEEKS_EMAIL, FOURGEEKS_PASSWORD):
            refusal = ["Unable to log in with provided credentials."]
            return fourgeeks_answer({"non_field_errors": refusal, "status_code": 400}, 400)
        expires = datetime.now(UTC) + _LOGIN_LASTS
        answer = {
            "token": self._logins.sign_in(),
            "user_id": _USER_ID,
            "email": FOURGEEKS_EMAIL,
            "expires_at": expires.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }
        return fourgeeks_answer(answer, 200)

    async def students(self, request: Request) -> Response:
        params = request.query_params
        rows = self._school.students if _fresh(params) else self._school.cached.students
        return self._listed(request, "students", [row.row for row in _matching_students(rows, params)])

    async def member(self, request: Request) -> Response:
        wanted = request.path_params["email"].strip().casefold()
        rows = self._school.students if _fresh(request.query_params) else self._school.cached.students
        for row in rows:
            if row.email.casefold() == wanted:
                return Response(row.row, media_type="application/json")
        return fourgeeks_refusal(404, "Profile not found for this user and academy")

    async def memberships(self, request: Request) -> Response:
        params = request.query_params
        every = self._school.memberships if _fresh(params) else self._school.cached.memberships
        rows = list(_matching_memberships(every, params))
        for sort in reversed(params.get("sort", "").split(",")):
            key = _SORTS.get(sort.removeprefix("-"))
            if key is not None:
                rows.sort(key=key, reverse=sort.startswith("-"))
        return self._listed(request, "memberships", [row.row for row in rows])

    def _listed(self, request: Request, name: str, rows: list[bytes]) -> Response:
        rows = self._degradation.rows(name, rows)
        body, headers = paged(request.url, rows, self._degradation.way(name))
        body, encoding = compressed(body, request.headers.get("accept-encoding", ""))
        if encoding is not None:
            headers["Content-Encoding"] = encoding
        headers["Vary"] = "Accept-Encoding"
        return Response(body, headers=headers, media_type="application/json")


def _fresh(params: QueryParams) -> bool:
    """Whether 4Geeks is asked to look again, and not to answer from its cache."""
    return params.get("cache", "").lower() == "false"


def _wanted(params: QueryParams, name: str) -> frozenset[str]:
    """What a parameter names, separated by commas; nothing when everything is wanted."""
    return frozenset(part.strip() for part in params.get(name, "").split(",") if part.strip())


def _matching_students(rows: Iterable[StudentRow], params: QueryParams) -> Iterable[StudentRow]:
    like = params.get("like", "").strip().casefold()
    statuses, cohorts = _wanted(params, "status"), _wanted(params, "cohort")
    for row in rows:
        if like and like not in row.email.casefold() and like not in row.name.casefold():
            continue
        if (statuses and row.status not in statuses) or (cohorts and not cohorts & row.cohorts):
            continue
        yield row


def _matching_memberships(rows: Iterable[MembershipRow], params: QueryParams) -> Iterable[MembershipRow]:
    roles, users = _wanted(params, "roles"), _wanted(params, "users")
    cohorts, statuses = _wanted(params, "cohorts"), _wanted(params, "educational_status")
    for row in rows:
        if (roles and row.role not in roles) or (users and str(row.user_id) not in users):
            continue
        if (cohorts and not cohorts & row.cohort) or (statuses and row.status not in statuses):
            continue
        yield row
