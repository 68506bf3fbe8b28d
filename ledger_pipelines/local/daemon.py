"""Dagster's daemon on the ledger's code server: `python -m ledger_pipelines.local.daemon SOCKET WORKSPACE`.

BACKFILL_SECONDS in the environment is how often it looks at backfills, else Dagster's 30: a test need not wait so long.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ledger_pipelines.logs import configure_from_environment


def main(socket: str, workspace: str) -> None:
    """Runs the daemon until a signal ends it."""
    # Before Dagster makes its loggers: its lines stand beside those of its runs.
    configure_from_environment()
    from dagster._daemon import controller
    from dagster._daemon.cli import run_command

    from ledger_pipelines.local.waiting import wait_for_code_server

    wait_for_code_server(Path(socket))
    # Dagster has no setting for it, and reads this when the daemon begins.
    controller.DEFAULT_DAEMON_INTERVAL_SECONDS = int(
        os.environ.get("BACKFILL_SECONDS") or controller.DEFAULT_DAEMON_INTERVAL_SECONDS
    )
    run_command(["-w", workspace])


if __name__ == "__main__":
    main(*sys.argv[1:])
