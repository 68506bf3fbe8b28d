"""Dagster's daemon on the ledger's code server: `python -m ledger_pipelines.local.daemon SOCKET WORKSPACE`."""

from __future__ import annotations

import sys
from pathlib import Path

from dagster._daemon.cli import run_command

from ledger_pipelines.local.waiting import wait_for_code_server

if __name__ == "__main__":
    _, socket, workspace = sys.argv
    wait_for_code_server(Path(socket))
    run_command(["-w", workspace])
