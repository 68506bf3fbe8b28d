"""What the `ledger` command's subcommands do. Parsing of arguments stands in `ledger_pipelines/cli.py`."""
