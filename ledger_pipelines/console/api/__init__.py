"""The routes that scripts and HiveMatrix's services call (docs/console.md)."""

from __future__ import annotations

from fastapi import APIRouter

#: In the order in which paths are tried.
ROUTERS: tuple[APIRouter, ...] = ()
