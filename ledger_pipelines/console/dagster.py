"""Dagster's webserver as the console asks it: one client, with its connections, for each address."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated

from fastapi import Depends, Request

from ledger_pipelines.console.context import Console
from ledger_pipelines.runs.webserver import Webserver


def dagster_of(console: Console) -> Webserver:
    """The webserver that the console's settings name. Nothing is asked yet."""
    return _at(console.settings.dagster_webserver_url)


def _dagster(request: Request) -> Webserver:
    dagster: Webserver = request.app.state.dagster
    return dagster


@lru_cache
def _at(url: str) -> Webserver:
    return Webserver(url)


DagsterDep = Annotated[Webserver, Depends(_dagster)]
