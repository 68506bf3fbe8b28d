"""The sandbox as a server: assembled, served in the foreground, or run beside a test."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
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
from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.control import Controls, control_app
from ledger_pipelines.sandbox.datto.records import Fleet
from ledger_pipelines.sandbox.faults import Faults
from ledger_pipelines.sandbox.freshservice.records import Desk
from ledger_pipelines.sandbox.hivematrix.malformed import Malformed
from ledger_pipelines.sandbox.hivematrix.tokens import Signer
from ledger_pipelines.sandbox.hivematrix.world import World
from ledger_pipelines.sandbox.holded.lists import HoldedLists
from ledger_pipelines.sandbox.journal import Journal
from ledger_pipelines.sandbox.registry import SYSTEMS, address
from ledger_pipelines.sandbox.school.records import School
from ledger_pipelines.sandbox.state import SandboxState, build_state

#: Seconds that requests in progress are given when the server stops.
_GRACE_SECONDS = 1
_HIVEMATRIX = ("/core", "/codex", "/sandbox")


def _assemble(config: SandboxConfig) -> tuple[Starlette, SandboxState]:
    state = build_state(config)

    def with_faults(app: ASGIApp) -> ASGIApp:
        state.faults = Faults(app, config, state.journal)
        return state.faults

    middleware = [Middleware(with_faults), Middleware(_CorrelationId)]
    if config.gzip:
        middleware.append(Middleware(GZipMiddleware, compresslevel=1))

    def go_back_to(day: date | None) -> None:
        until = config.until
        then = until if day is None else min(day, until)
        state.world.months_back = (until.year - then.year) * 12 + until.month - then.month

    controls = Controls(
        state.malformed,
        state.journal,
        state.degradation,
        state.heal,
        state.school.publish_news,
        state.logins.expire,
        state.signer.change_key,
        state.holded_lists,
        go_back_to,
    )
    routes = [
        *(Mount(system.path, system.app(state)) for system in SYSTEMS),
        Mount("/sandbox", control_app(controls)),
    ]
    return Starlette(routes=routes, middleware=middleware), state


class _CorrelationId:
    """Gives every answer of a HiveMatrix service the header that all of them give."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-correlation-id", str(uuid4()).encode())]
            await send(message)

        marked = scope["type"] == "http" and scope["path"].startswith(_HIVEMATRIX)
        await self._app(scope, receive, send_marked if marked else send)


def create_app(config: SandboxConfig) -> Starlette:
    """The sandbox as an ASGI application: Core under `/core`, Codex under `/codex`, the school's systems under
    `/holded`, `/4geeks` and `/notion`, and `/freshservice` and `/datto`, with the paths that the real ones have, itself
    under `/sandbox`.

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
    """A running sandbox and what it knows of itself. `malformed` are Codex's records, `malformed_in` has
    those of each system by its name: codex, holded, 4geeks, notion; `holded_lists` are what Holded's lists leave out."""

    base_url: str
    config: SandboxConfig
    world: World
    school: School
    journal: Journal
    malformed: list[Malformed]
    malformed_in: dict[str, list[Malformed]]
    heal: Callable[[], None]
    expire_logins: Callable[[], None]
    holded_lists: HoldedLists
    #: Freshservice's records, which a test may add to.
    desk: Desk
    #: Datto RMM's, likewise.
    fleet: Fleet
    #: Degrades a list in a way (`degraded`), until it is healed.
    degrade: Callable[[str, str], None]
    #: What its Core signs with.
    signer: Signer

    @property
    def core_url(self) -> str:
        """What `CORE_URL` is set to."""
        return address(self.base_url, "core")

    @property
    def codex_url(self) -> str:
        """What `CODEX_URL` is set to."""
        return address(self.base_url, "codex")

    @property
    def holded_url(self) -> str:
        """What `HOLDED_URL` is set to."""
        return address(self.base_url, "holded")

    @property
    def fourgeeks_url(self) -> str:
        """What `FOURGEEKS_URL` is set to."""
        return address(self.base_url, "4geeks")

    @property
    def datto_url(self) -> str:
        """What `DATTO_URL` is set to."""
        return address(self.base_url, "datto")

    @property
    def freshservice_url(self) -> str:
        """What `FRESHSERVICE_URL` is set to."""
        return address(self.base_url, "freshservice")

    @property
    def notion_url(self) -> str:
        """What `NOTION_URL` is set to."""
        return address(self.base_url, "notion")


@contextmanager
def running_sandbox(config: SandboxConfig) -> Iterator[Sandbox]:
    """A sandbox on a free port of loopback, served by a thread of this process while the block runs.

    Raises ConfigurationError when the recording to replay cannot be used.
    """
    app, state = _assemble(config)
    with _listen("127.0.0.1", 0) as listener:
        server = uvicorn.Server(_uvicorn_config(app))
        thread = Thread(target=server.run, kwargs={"sockets": [listener]}, name="sandbox", daemon=True)
        thread.start()
        try:
            yield Sandbox(
                base_url=_base_url(listener),
                config=config,
                world=state.world,
                school=state.school,
                journal=state.journal,
                malformed=state.malformation.records,
                malformed_in=state.malformed,
                heal=state.heal,
                expire_logins=state.logins.expire,
                holded_lists=state.holded_lists,
                desk=state.desk,
                fleet=state.fleet,
                degrade=state.degradation.begin,
                signer=state.signer,
            )
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
