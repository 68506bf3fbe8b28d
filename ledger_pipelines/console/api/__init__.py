"""The routes that scripts and HiveMatrix's services call (docs/api.md)."""

from __future__ import annotations

from fastapi import APIRouter

from ledger_pipelines.console.api import billing as _billing
from ledger_pipelines.console.api import cfo as _cfo
from ledger_pipelines.console.api import documents as _documents
from ledger_pipelines.console.api import errors as _errors
from ledger_pipelines.console.api import health as _health
from ledger_pipelines.console.api import invoices as _invoices
from ledger_pipelines.console.api import items as _items
from ledger_pipelines.console.api import metrics as _metrics
from ledger_pipelines.console.api import overrides as _overrides
from ledger_pipelines.console.api import plans as _plans
from ledger_pipelines.console.api import work as _work

ROUTERS: tuple[APIRouter, ...] = (
    _billing.router,
    _cfo.router,
    _documents.router,
    _errors.router,
    _health.router,
    _invoices.router,
    _items.router,
    _metrics.router,
    _overrides.router,
    _plans.router,
    _work.router,
)
