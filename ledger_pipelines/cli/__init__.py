"""The `ledger` command: subcommands, options and exit codes. What they do stands in `commands/`."""

from ledger_pipelines.cli.root import app, main

__all__ = ["app", "main"]
