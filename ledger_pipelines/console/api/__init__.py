"""The routes that scripts and HiveMatrix's services call (docs/console.md)."""

from __future__ import annotations

from fastapi import APIRouter

from ledger_pipelines.console.api import documents as _documents

ROUTERS: tuple[APIRouter, ...] = (_documents.router,)
