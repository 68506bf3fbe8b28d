"""Dagster's daemon on the ledger's code server: `python -m ledger_pipelines.local.daemon SOCKET WORKSPACE`.

BACKFILL_SECONDS in the environment is how often it looks at backfills, else Dagster's 30: a test need not wait so long.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from dagster._daemon import controller
from dagster._daemon.cli import run_command

from ledger_pipelines.local.waiting import wait_for_code_server

if __name__ == "__main__":
    _, socket, workspace = sys.argv
    wait_for_code_server(Path(socket))
    # Dagster has no setting for it, and reads this when the daemon begins.
    controller.DEFAULT_DAEMON_INTERVAL_SECONDS = int(
        os.environ.get("BACKFILL_SECONDS") or controller.DEFAULT_DAEMON_INTERVAL_SECONDS
    )
    run_command(["-w", workspace])
