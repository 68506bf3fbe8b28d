"""Dagster's pages on the ledger's code server, with the guard in front of them.

`python -m ledger_pipelines.local.webserver --workspace FILE --host HOST --port PORT [--socket SOCKET] [--name NAME …]
[--public-url URL]`: with `--socket` it waits for the code server there; `--name` are hosts that the pages are reached by,
such as a service's name among containers.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import dagster as dg
import uvicorn
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._utils.log import configure_loggers
from dagster_webserver.app import create_app_from_workspace_process_context
from dagster_webserver.version import __version__

from ledger_pipelines.local.guard import Guard
from ledger_pipelines.local.waiting import wait_for_code_server
from ledger_pipelines.same_origin import is_loopback

#: What Dagster's own command sets: milliseconds of a statement, seconds of a connection, connections beside the pool's.
_STATEMENT_TIMEOUT, _CONNECTION_AGE, _OVERFLOW = 15_000, 3_600, 20


def parser() -> argparse.ArgumentParser:
    """What its arguments are."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket", type=Path)
    parser.add_argument("--workspace", required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--name", action="append", default=[])
    parser.add_argument("--public-url")
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Serves the pages until a signal ends it."""
    options = parser().parse_args(arguments)
    configure_loggers(log_level="INFO")
    if options.socket is not None:
        wait_for_code_server(options.socket)
    with dg.DagsterInstance.get() as instance:
        instance.optimize_for_webserver(_STATEMENT_TIMEOUT, _CONNECTION_AGE, _OVERFLOW)
        workspace = WorkspaceFileTarget([options.workspace])
        with WorkspaceProcessContext(instance, workspace, version=__version__) as context:
            app = create_app_from_workspace_process_context(context, live_data_poll_rate=2000)
            guarded = Guard(
                app,
                names=(options.host, *options.name),
                any_address=not is_loopback(options.host),
                public_url=options.public_url,
            )
            uvicorn.run(guarded, host=options.host, port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
