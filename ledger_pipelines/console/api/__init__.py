"""The routes that scripts and HiveMatrix's services call (docs/console.md)."""

from __future__ import annotations

from fastapi import APIRouter

from ledger_pipelines.console.api import documents as _documents

ROUTERS: tuple[APIRouter, ...] = (_documents.router,)
from ledger_pipelines.console.api import cfo, errors, health, invoices, work

#: In the order in which paths are tried.
ROUTERS: tuple[APIRouter, ...] = (
    health.router,
    work.router,
    errors.router,
    cfo.router,
    invoices.router,
)
