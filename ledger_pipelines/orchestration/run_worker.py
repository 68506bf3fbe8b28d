"""The process of one run, started by the launcher: holds the run from its first moment, and ends with its parent."""

from __future__ import annotations

import os
import sys

from ledger_pipelines.orchestration.tether import end_with_parent

#: The variable with what Dagster's own `execute_run` takes.
ARGUMENTS = "DAGSTER_EXECUTE_RUN_ARGS"


def main(run_id: str) -> None:
    """Executes the run."""
    end_with_parent()
    from ledger_pipelines.connections import ledger_database
    from ledger_pipelines.logs import configure
    from ledger_pipelines.settings import read_settings
    from ledger_pipelines.store.run_processes import held_run

    settings = read_settings()
    configure(settings)
    with held_run(ledger_database(settings), run_id):
        from dagster._cli.api import execute_run_command

        execute_run_command([os.environ.pop(ARGUMENTS)], standalone_mode=False)


if __name__ == "__main__":
    main(sys.argv[1])
