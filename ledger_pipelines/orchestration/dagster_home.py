"""Where Dagster keeps itself, and the environment that the ledger's processes hand to each other."""

from __future__ import annotations

import os
import shutil
from datetime import date
from importlib.resources import files
from pathlib import Path

import psycopg

from ledger_pipelines import logs
from ledger_pipelines.connections import has_ledger, ledger_database
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.files import give_to_owner_of, make_folder, private_folder, replaced
from ledger_pipelines.months import format_month
from ledger_pipelines.settings import Settings
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.migrations import read_first_month


def project_file(name: str) -> Path:
    """A file of the project's top level, such as `dagster.yaml`, in a checkout or installed."""
    packaged = Path(str(files("ledger_pipelines"))) / "_project" / name
    return packaged if packaged.is_file() else Path(__file__).resolve().parents[2] / name


def enter(settings: Settings) -> Database:
    """Makes this process and its children belong to the ledger of these settings, and returns its database.

    Sets DAGSTER_HOME (with the project's dagster.yaml in it, or that of LEDGER_DAGSTER_YAML), the databases' URLs and
    the first month in the environment. The database must have been migrated. Raises LedgerError when the home cannot be
    written to, or there is no such dagster.yaml.
    """
    source = (settings.dagster_yaml or project_file("dagster.yaml")).resolve()
    if not source.is_file():
        raise LedgerError(f"There is no file {source}: LEDGER_DAGSTER_YAML names Dagster's settings.")
    logs.configure(settings)
    database = ledger_database(settings)
    with database.connect() as connection:
        first_month = read_first_month(connection)
    home = settings.home.resolve() / "dagster"
    try:
        make_folder(home.parent)
        private_folder(home)
        with replaced(home / "dagster.yaml") as beside:
            shutil.copyfile(source, beside)
            give_to_owner_of(home, beside)
    except OSError as error:
        raise LedgerError(
            f"The folder {home.parent} cannot be used ({error.strerror}): set LEDGER_HOME to one that can be written to."
        ) from None
    if settings.months_per_run is not None:
        os.environ["LEDGER_MONTHS_PER_RUN"] = str(settings.months_per_run)
    if settings.dagster_yaml is not None:
        os.environ["LEDGER_DAGSTER_YAML"] = str(source)
    os.environ.update(
        {
            "DAGSTER_HOME": str(home),
            # A range's materialisations of an asset are written together, and so is what a run plans.
            "DAGSTER_EVENT_BATCH_SIZE": "1000",
            "LEDGER_HOME": str(settings.home.resolve()),
            "LEDGER_TIMEZONE": settings.timezone,
            "LEDGER_DATABASE_URL": database.url,
            "LEDGER_DAGSTER_URL": database.dagster_url,
            "LEDGER_FIRST_MONTH": format_month(first_month),
        }
    )
    return database


def first_month_of_ledger(settings: Settings) -> date:
    """The first month of the ledger that these settings name, for a Dagster that the `ledger` command did not start.

    Raises LedgerError where there is none yet, or it cannot be reached.
    """
    try:
        if has_ledger(settings):
            with ledger_database(settings).connect() as connection:
                return read_first_month(connection)
    except psycopg.errors.UndefinedTable:
        pass
    where = "LEDGER_DATABASE_URL" if settings.database_url else settings.home.resolve()
    raise LedgerError(
        f"There is no ledger in {where} yet, so nobody knows its months: run `ledger migrate` first, or look at the "
        "definitions alone with LEDGER_FIRST_MONTH=2024-01."
    )
