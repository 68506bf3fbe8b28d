"""Dagster's webserver as the console asks it: one client, with its connections, for each address."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated

from fastapi import Depends

from ledger_pipelines.console.context import ConsoleDep
from ledger_pipelines.runs.webserver import Webserver


def dagster_of(console: ConsoleDep) -> Webserver:
    """The webserver that the console's settings name. Nothing is asked yet."""
    return _at(console.settings.dagster_webserver_url)


@lru_cache
def _at(url: str) -> Webserver:
    return Webserver(url)


DagsterDep = Annotated[Webserver, Depends(dagster_of)]
