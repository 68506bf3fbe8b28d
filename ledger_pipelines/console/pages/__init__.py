"""The pages that people work with: each module has the routes of one, and its template has its name."""

from __future__ import annotations

from fastapi import APIRouter

from ledger_pipelines.console.pages import accruals as _accruals
from ledger_pipelines.console.pages import admin_features as _admin_features
from ledger_pipelines.console.pages import admin_plans as _admin_plans
from ledger_pipelines.console.pages import cfo as _cfo
from ledger_pipelines.console.pages import cfo_mappings as _cfo_mappings
from ledger_pipelines.console.pages import client as _client
from ledger_pipelines.console.pages import client_settings as _client_settings
from ledger_pipelines.console.pages import dashboard as _dashboard
from ledger_pipelines.console.pages import docs as _docs
from ledger_pipelines.console.pages import errors as _errors
from ledger_pipelines.console.pages import history as _history
from ledger_pipelines.console.pages import ledgers as _ledgers
from ledger_pipelines.console.pages import periods as _periods
from ledger_pipelines.console.pages import pullers as _pullers
from ledger_pipelines.console.pages import search as _search
from ledger_pipelines.console.pages import settings as _settings
from ledger_pipelines.console.pages import sign_in as _sign_in
from ledger_pipelines.console.pages import sync as _sync

ROUTERS: tuple[APIRouter, ...] = (
    _accruals.router,
    _admin_features.router,
    _admin_plans.router,
    _cfo.router,
    _cfo_mappings.router,
    _client.router,
    _client_settings.router,
    _dashboard.router,
    _docs.router,
    _errors.router,
    _history.router,
    _ledgers.router,
    _periods.router,
    _pullers.router,
    _search.router,
    _settings.router,
    _sign_in.router,
    _sync.router,
)
