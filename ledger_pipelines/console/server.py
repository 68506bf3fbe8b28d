"""The console as a server in the foreground."""

from __future__ import annotations

from urllib.parse import urlsplit

import uvicorn
from starlette.types import ASGIApp

from ledger_pipelines.console.app import create_app
from ledger_pipelines.console.context import Console
from ledger_pipelines.console.identity.identity import Identity
from ledger_pipelines.console.origin import KnownHosts
from ledger_pipelines.console.proxy import PublicAddress
from ledger_pipelines.logs import is_json
from ledger_pipelines.same_origin import is_loopback
from ledger_pipelines.settings import Settings
from ledger_pipelines.store.database import Database

#: Seconds that requests in progress are given when the server stops.
_GRACE_SECONDS = 5


def serve(
    settings: Settings, database: Database, *, host: str, port: int, public_url: str | None = None
) -> None:
    """Serves the console until SIGINT or SIGTERM. `public_url` is where a reverse proxy shows it."""
    names = [host] if public_url is None else [host, urlsplit(public_url).hostname or ""]
    app = create_app(Console(settings, database, Identity(settings, database)))
    public: ASGIApp = app if public_url is None else PublicAddress(app, public_url)
    uvicorn.run(
        KnownHosts(public, names=names, any_address=not is_loopback(host)),
        host=host,
        port=port,
        # `Proxies` reads them, and believes those only whom the settings name.
        proxy_headers=False,
        # An address may have a token in it, when Core comes back from a sign-in.
        access_log=False,
        server_header=False,
        log_level="warning",
        # Else it gives its loggers a format of their own.
        log_config=None if is_json() else uvicorn.config.LOGGING_CONFIG,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
