"""Recorded responses of a real Codex, served as if it were here.

A recording is a folder with `companies.json`, `bulk_2025.json`, `plans.json` and `feature_options.json`, each
the body of one answer. The single companies' endpoints are derived from the bulk answer, tokens are the
sandbox's own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from ledger_pipelines.errors import ConfigurationError
from ledger_pipelines.sandbox.hivematrix.world import Company, Record, World, serialised


def replay(folder: Path) -> World:
    """The world that was recorded in `folder`.

    Raises ConfigurationError when the folder or one of its files is missing or cannot be read.
    """
    if not folder.is_dir():
        raise ConfigurationError(f"There is no folder {folder} to replay: name one with recorded responses.")
    companies = _recorded(folder, "companies.json")
    bulk = _recorded(folder, "bulk_2025.json")
    plans = _recorded(folder, "plans.json")
    options = _recorded(folder, "feature_options.json")
    try:
        entries = {entry["company"]["account_number"]: entry for entry in bulk}
        served = [_company(row, entries.get(row["account_number"], {})) for row in companies]
        return World(served, list(plans["plans"]), serialised(options))
    except (KeyError, TypeError) as error:
        raise ConfigurationError(
            f"The recording in {folder} is not of Codex's form ({error}): record it again."
        ) from error


def _recorded(folder: Path, name: str) -> Any:
    path = folder / name
    try:
        return orjson.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"The recording in {folder} has no {name}: add it, or name another folder."
        ) from error
    except (OSError, orjson.JSONDecodeError) as error:
        raise ConfigurationError(f"The recorded response {path} cannot be read: {error}.") from error


def _company(row: Record, entry: Record) -> Company:
    tickets = entry.get("tickets", [])
    return Company(
        account_number=row["account_number"],
        row=serialised(row),
        assets=[serialised(asset) for asset in entry.get("assets", [])],
        contacts=[serialised(contact) for contact in entry.get("contacts", [])],
        locations=[serialised(location) for location in entry.get("locations", [])],
        tickets=[serialised(ticket) for ticket in tickets],
        ticket_days=[(ticket["last_updated_at"] or "")[:10] for ticket in tickets],
    )
