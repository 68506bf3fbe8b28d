"""`ledger console`: the console alone, in the foreground."""

from __future__ import annotations

import gc
from typing import Annotated

import typer

from ledger_pipelines.cli.context import console as terminal
from ledger_pipelines.cli.context import today


def console(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 5030,
    public_url: Annotated[str | None, typer.Option(help="Where a reverse proxy shows the console.")] = None,
) -> None:
    """Runs the console alone, in the foreground until Ctrl-C."""
    # What is loaded now stays: to look through it for garbage again and again costs a tenth of the start.
    gc.disable()
    from ledger_pipelines.connections import ledger_database
    from ledger_pipelines.console.server import serve
    from ledger_pipelines.local.demo import use_demo
    from ledger_pipelines.local.processes import require_free_port
    from ledger_pipelines.logs import configure
    from ledger_pipelines.same_origin import is_loopback
    from ledger_pipelines.settings import read_settings
    from ledger_pipelines.store.migrations import migrate

    gc.freeze()
    gc.enable()
    settings = read_settings()
    configure(settings)
    database = ledger_database(settings)
    migrate(database, first_month=settings.first_month_on(today()))
    require_free_port(host, port, "--port")
    # On the demo's ledger people sign in at its sandbox.
    use_demo(database, settings)
    if not is_loopback(host):
        terminal.print(
            f"[yellow]Others than this machine reach {host}:{port}[/], and tokens go there as they are: let a reverse "
            "proxy stand in front, over TLS, and name its address with --public-url.",
            highlight=False,
            soft_wrap=True,
        )
    terminal.print(f"Console: http://{host}:{port}", highlight=False, soft_wrap=True)
    serve(read_settings(), database, host=host, port=port, public_url=public_url)
