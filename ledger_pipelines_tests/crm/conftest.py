"""A school's ledger: a database, 4Geeks' and Notion's stand-ins, and the environment that names them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger_pipelines.store.database import Database
from ledger_pipelines_tests.crm.building import SchoolLedger
from ledger_pipelines_tests.sources.school_servers import (
    DATABASE,
    NOTION_TOKEN,
    TOKEN,
    FourGeeksLike,
    NotionLike,
    running,
)
from ledger_pipelines_tests.watching import watched_frames

__all__ = ["ledger", "watched_frames"]


@pytest.fixture
def ledger(database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[SchoolLedger]:
    """A ledger of which nothing was read yet."""
    with running(FourGeeksLike()) as fourgeeks, running(NotionLike()) as notion:
        monkeypatch.chdir(tmp_path)
        settings = {
            "LEDGER_DATABASE_URL": database.url,
            "FOURGEEKS_URL": fourgeeks.url,
            "FOURGEEKS_TOKEN": TOKEN,
            "NOTION_URL": notion.url,
            "NOTION_TOKEN": NOTION_TOKEN,
            "NOTION_DATABASE_ID": DATABASE,
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        for name in ("FOURGEEKS_ACADEMY", "FOURGEEKS_TIMEZONE", "FOURGEEKS_EMAIL", "FOURGEEKS_PASSWORD"):
            monkeypatch.delenv(name, raising=False)
        yield SchoolLedger(database, fourgeeks, notion)
