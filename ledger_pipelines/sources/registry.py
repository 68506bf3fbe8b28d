"""Every source, a line each: its settings, which know its client. Whatever concerns all sources iterates over this."""

from __future__ import annotations

from ledger_pipelines.sources.codex.settings import CodexSettings
from ledger_pipelines.sources.datto.settings import DattoSettings
from ledger_pipelines.sources.fourgeeks.settings import FourGeeksSettings
from ledger_pipelines.sources.freshservice.settings import FreshserviceSettings
from ledger_pipelines.sources.holded.settings import HoldedSettings
from ledger_pipelines.sources.notion.settings import NotionSettings
from ledger_pipelines.sources.settings import SourceSettings

#: In the order in which people see them.
SOURCES: tuple[type[SourceSettings], ...] = (
    CodexSettings,
    HoldedSettings,
    FourGeeksSettings,
    NotionSettings,
    FreshserviceSettings,
    DattoSettings,
)
