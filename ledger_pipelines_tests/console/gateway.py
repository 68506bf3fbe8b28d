"""A stand-in of HiveMatrix's gateway, which shows services under a prefix of its own: what it does to what passes.

It strips the prefix, adds the token of whoever is signed in to it, says with `X-Forwarded-*` what it took away, forwards
four methods and the first of repeated query keys, gives up after a while without a byte, and writes its own style sheet,
script, side panel and theme into every HTML page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread

import requests
import uvicorn
from anyio import to_thread
from lxml import html
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

PREFIX = "/ledger"
METHODS = ["GET", "POST", "PUT", "DELETE"]
_PATIENCE = 30
_HOP = {
    "connection",
    "transfer-encoding",
    "content-encoding",
    "content-length",
    "keep-alive",
    "server",
    "date",
}


def gateway_app(service_url: str, token: Callable[[], str | None], theme: str = "dark") -> Starlette:
    """The gateway before a service; `token` gives that of who is signed in to it, or None."""

    async def forward(request: Request) -> Response:
        known = token()
        if known is None:
            return RedirectResponse("/login", 302)
        body = await request.body()
        return await to_thread.run_sync(lambda: _forwarded(request, body, service_url, known, theme))

    async def own(_: Request) -> Response:
        return PlainTextResponse("", media_type="text/css")

    async def script(_: Request) -> Response:
        return PlainTextResponse("window.fromGateway = true;", media_type="text/javascript")

    return Starlette(
        routes=[
            Route("/gateway.css", own),
            Route("/gateway.js", script),
            Route(PREFIX + "/{path:path}", forward, methods=METHODS),
        ]
    )


def _forwarded(request: Request, body: bytes, service_url: str, token: str, theme: str) -> Response:
    query = {name: request.query_params.getlist(name)[0] for name in request.query_params}
    headers = {
        name: value for name, value in request.headers.items() if name not in {"host", "accept-encoding"}
    }
    headers |= {
        "Authorization": f"Bearer {token}",
        "X-Forwarded-For": request.client.host if request.client else "",
        "X-Forwarded-Proto": request.url.scheme,
        "X-Forwarded-Host": request.headers["host"],
        "X-Forwarded-Prefix": PREFIX,
    }
    try:
        answered = requests.request(
            request.method,
            f"{service_url}{request.scope['path'].removeprefix(PREFIX) or '/'}",
            params=query,
            data=body,
            headers=headers,
            allow_redirects=False,
            timeout=_PATIENCE,
        )
    except requests.RequestException:
        return PlainTextResponse("The service does not answer.", 504)
    kept = {name: value for name, value in answered.headers.items() if name.lower() not in _HOP}
    content = answered.content
    if answered.headers.get("content-type", "").startswith("text/html") and content:
        content = _dressed(content, theme)
    return Response(content, answered.status_code, kept)


def _dressed(page: bytes, theme: str) -> bytes:
    """The page with what the gateway adds to each."""
    if b"<body" not in page:
        # A part of a page, which a script puts in place: there is no head and no body to add to.
        return page
    root = html.document_fromstring(page.decode())
    root.set("data-theme", theme)
    head, body = root.find("head"), root.find("body")
    assert head is not None
    assert body is not None
    head.append(html.fromstring('<link rel="stylesheet" href="/gateway.css">'))
    head.append(html.fromstring("<style>.side-panel{float:right}</style>"))
    head.append(html.fromstring('<script src="/gateway.js"></script>'))
    body.append(
        html.fromstring('<aside class="side-panel" aria-label="HiveMatrix"><a href="/">Home</a></aside>')
    )
    return b"<!doctype html>\n" + html.tostring(root)


@contextmanager
def served(app: object) -> Iterator[str]:
    """An ASGI application on a free port of loopback, by a thread of this process."""
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        port=0,
        log_level="critical",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    listener = config.bind_socket()
    thread = Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
