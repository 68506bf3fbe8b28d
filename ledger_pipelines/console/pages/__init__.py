"""The pages that people work with: each module has the routes of one, and its template has its name."""

from __future__ import annotations

from fastapi import APIRouter

from ledger_pipelines.console.pages import docs, periods

ROUTERS: tuple[APIRouter, ...] = (periods.router, docs.router)
