"""`python -m ledger_pipelines` is the `ledger` command."""

from ledger_pipelines.cli import main

main()
