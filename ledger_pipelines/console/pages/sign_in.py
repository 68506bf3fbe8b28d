"""`/login`, `/login/callback` and `/logout`: Core signs people in, and the console keeps a session of its own.

Behind the gateway nobody comes here: it adds the person's token to each request.
"""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from ledger_pipelines.console.context import ConsoleDep
from ledger_pipelines.console.identity.errors import (
    CoreUnavailableError,
    NotSignedInError,
    SignInRefusedError,
)
from ledger_pipelines.console.identity.identity import COOKIE
from ledger_pipelines.console.identity.sign_in import COOKIE as SIGN_IN_COOKIE
from ledger_pipelines.console.identity.sign_in import SECONDS, SignIn, local_path
from ledger_pipelines.console.pages.rendering import page

router = APIRouter()

#: The address with which Core comes back has a token in it: it goes nowhere else, and is kept nowhere.
_HEADERS: Mapping[str, str] = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
#: Why a sign-in was refused, by the word in the address, with its status.
_PROBLEMS: Mapping[str, tuple[int, str]] = {
    "link": (403, "This sign-in was not begun in this browser, or too long ago: begin it here."),
    "token": (403, "HiveMatrix Core sent no token that can be used: sign in again."),
    "core": (503, "HiveMatrix Core does not answer: try again soon."),
}


@router.get("/login")
def sign_in(request: Request, console: ConsoleDep, next: str = "", problem: str = "") -> Response:
    """Core's page for signing in, with a way back; without a page that is wanted, one that leads there."""
    root = request.scope.get("root_path", "")
    if problem in _PROBLEMS:
        status, message = _PROBLEMS[problem]
        return _page(request, message, status)
    try:
        console.identity.person(request.headers, request.cookies, console.now())
    except NotSignedInError as error:
        # A bearer wins over whatever session there would be: signing in here would lead back here.
        if "authorization" in request.headers:
            return _page(request, str(error), 401)
    else:
        return _redirect(f"{root}{local_path(next)}")
    if not next:
        return _page(request, "Nobody is signed in.", 200)
    login_url = console.identity.login_url
    if login_url is None:
        return _page(request, "No HiveMatrix Core is configured, so nobody can sign in: set CORE_URL.", 503)
    begun = SignIn.begin(next)
    response = _redirect(begun.address(login_url, f"{request.url.scheme}://{request.url.netloc}{root}"))
    _set_cookie(request, response, SIGN_IN_COOKIE, begun.cookie, path=f"{root}/login", seconds=SECONDS)
    return response


@router.get("/login/callback")
def refuse_callback(request: Request) -> Response:
    """A way back that no sign-in of ours has."""
    return _refused(request, "link")


@router.get("/login/callback/{state}")
def finish(request: Request, console: ConsoleDep, state: str, token: str = "") -> Response:
    """Exchanges the token that Core sends for a session, and goes on to the page that was wanted."""
    begun = SignIn.under_way(request.cookies.get(SIGN_IN_COOKIE, ""), state)
    if begun is None:
        return _refused(request, "link")
    now = console.now()
    try:
        person, cookie = console.identity.sign_in(token, request.cookies, now)
    except CoreUnavailableError:
        return _refused(request, "core")
    except (NotSignedInError, SignInRefusedError):
        return _refused(request, "token")
    root = request.scope.get("root_path", "")
    response = _redirect(f"{root}{begun.following}")
    seconds = int((person.expires_at - now).total_seconds())
    _set_cookie(request, response, COOKIE, cookie, path=root or "/", seconds=seconds)
    _set_cookie(request, response, SIGN_IN_COOKIE, "", path=f"{root}/login", seconds=0)
    return response


@router.post("/logout")
def sign_out(request: Request, console: ConsoleDep) -> Response:
    """Ends the session, here and at Core."""
    console.identity.sign_out(request.headers, request.cookies, console.now())
    root = request.scope.get("root_path", "")
    response = _redirect(f"{root}/login")
    _set_cookie(request, response, COOKIE, "", path=root or "/", seconds=0)
    return response


def _redirect(address: str) -> Response:
    return RedirectResponse(address, 303, headers=dict(_HEADERS))


def _refused(request: Request, problem: str) -> Response:
    """Leads to the page that says why: the address with the token must not stay in the browser's history."""
    return _redirect(f"{request.scope.get('root_path', '')}/login?problem={problem}")


def _page(request: Request, message: str, status: int) -> HTMLResponse:
    return page(request, "sign_in.html", None, status=status, headers=_HEADERS, message=message)


def _set_cookie(
    request: Request, response: Response, name: str, value: str, *, path: str, seconds: int
) -> None:
    """A cookie that no script reads and no page of another site sends along; 0 seconds takes it away."""
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        path=path,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
