"""The sandbox as a server: assembled, served in the foreground, or run beside a test."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from types import FrameType
from uuid import uuid4

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ledger_pipelines.errors import ConfigurationError
from ledger_pipelines.sandbox import tokens
from ledger_pipelines.sandbox.codex import codex_app
from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.control import control_app
from ledger_pipelines.sandbox.core import core_app
from ledger_pipelines.sandbox.faults import Faults
from ledger_pipelines.sandbox.generate import generate
from ledger_pipelines.sandbox.journal import Journal
from ledger_pipelines.sandbox.malformed import Malformation, Malformed, malform
from ledger_pipelines.sandbox.replay import replay
from ledger_pipelines.sandbox.world import World

#: Seconds that requests in progress are given when the server stops.
_GRACE_SECONDS = 1


@dataclass(slots=True)
class _Parts:
    """What one sandbox is made of, beside its ASGI application."""

    world: World
    malformation: Malformation
    journal: Journal = field(default_factory=Journal)
    faults: Faults | None = None

    def heal(self) -> None:
        """Ends all faults and makes every malformed record whole."""
        if self.faults is not None:
            self.faults.rate = 0.0
        self.malformation.mend()
        self.world.index()


def _assemble(config: SandboxConfig) -> tuple[Starlette, _Parts]:
    world = replay(config.replay) if config.replay else generate(config)
    parts = _Parts(world, malform(world, faults=config.faults, seed=config.seed))

    def with_faults(app: ASGIApp) -> ASGIApp:
        parts.faults = Faults(app, config, parts.journal)
        return parts.faults

    middleware = [Middleware(with_faults), Middleware(_CorrelationId)]
    if config.gzip:
        middleware.append(Middleware(GZipMiddleware, compresslevel=1))
    routes = [
        Mount("/core", core_app()),
        Mount("/codex", codex_app(world, config)),
        Mount("/sandbox", control_app(parts.malformation.records, parts.journal, parts.heal)),
    ]
    tokens.signing_key()
    return Starlette(routes=routes, middleware=middleware), parts


class _CorrelationId:
    """Gives every answer the header that all HiveMatrix services give."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-correlation-id", str(uuid4()).encode())]
            await send(message)

        await self._app(scope, receive, send_marked)


def create_app(config: SandboxConfig) -> Starlette:
    """The sandbox as an ASGI application: Core under `/core`, Codex under `/codex`, itself under `/sandbox`.

    Raises ConfigurationError when the recording to replay cannot be used.
    """
    return _assemble(config)[0]


class _Server(uvicorn.Server):
    """A server for which SIGINT and SIGTERM are an ordinary end, not an error."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stops on either signal, and leaves their former meaning behind."""
        former = {which: signal.signal(which, self._stop) for which in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for which, handler in former.items():
                signal.signal(which, handler)

    def _stop(self, which: int, frame: FrameType | None) -> None:
        self.handle_exit(which, frame)


def serve(
    config: SandboxConfig,
    port: int,
    *,
    host: str = "127.0.0.1",
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serves a sandbox until SIGINT or SIGTERM, in the main thread.

    `ready` is called with the base URL once connections are accepted. With port 0 the system chooses one.
    Raises ConfigurationError when the port is taken.
    """
    listener = _listen(host, port)
    with listener:
        app = create_app(config)
        if ready is not None:
            ready(_base_url(listener))
        _Server(_uvicorn_config(app)).run(sockets=[listener])


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox and what it knows of itself."""

    base_url: str
    config: SandboxConfig
    world: World
    journal: Journal
    malformed: list[Malformed]
    heal: Callable[[], None]

    @property
    def core_url(self) -> str:
        """What `CORE_URL` is set to."""
        return f"{self.base_url}/core"

    @property
    def codex_url(self) -> str:
        """What `CODEX_URL` is set to."""
        return f"{self.base_url}/codex"


@contextmanager
def running_sandbox(config: SandboxConfig) -> Iterator[Sandbox]:
    """A sandbox on a free port of loopback, served by a thread of this process while the block runs.

    Raises ConfigurationError when the recording to replay cannot be used.
    """
    app, parts = _assemble(config)
    with _listen("127.0.0.1", 0) as listener:
        server = uvicorn.Server(_uvicorn_config(app))
        thread = Thread(target=server.run, kwargs={"sockets": [listener]}, name="sandbox", daemon=True)
        thread.start()
        try:
            malformed = parts.malformation.records
            yield Sandbox(_base_url(listener), config, parts.world, parts.journal, malformed, parts.heal)
        finally:
            server.should_exit = True
            thread.join()


def _listen(host: str, port: int) -> socket.socket:
    """A socket that already accepts connections, so that nobody has to wait for the server to come up."""
    try:
        return socket.create_server((host, port), backlog=2_048)
    except OSError as error:
        raise ConfigurationError(
            f"The sandbox cannot listen on {host}:{port} ({error.strerror}): choose another port."
        ) from error


def _base_url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{host}:{port}"


def _uvicorn_config(app: Starlette) -> uvicorn.Config:
    # Critical only: to uvicorn every answer cut on purpose is an error to be logged.
    return uvicorn.Config(
        app,
        log_config=None,
        log_level="critical",
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
