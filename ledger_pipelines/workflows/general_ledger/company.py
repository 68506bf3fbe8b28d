"""Whose books these are: `LEDGER_ORG_NUMBER`, else the first accounting file (rules/general_ledger.md)."""

from __future__ import annotations

import psycopg

from ledger_pipelines.general_ledger.parties import registration_number
from ledger_pipelines.settings import Settings
from ledger_pipelines.store.company import keep_company, read_company


def whose_books(connection: psycopg.Connection, settings: Settings) -> str | None:
    """The registration number of the company whose books these are; None while nobody has said."""
    return registration_number(settings.org_number) or read_company(connection)


def settle_company(connection: psycopg.Connection, number: str) -> None:
    """Stores the company of the first accounting file; a later one changes nothing."""
    plain = registration_number(number)
    if plain is not None:
        keep_company(connection, plain)
