"""What follows an edit: the drafts of the open months are made anew, once however many edits wait."""

from __future__ import annotations

import logging

from ledger_pipelines.console.context import Console
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.runs.starting import follow_edits
from ledger_pipelines.runs.webserver import Webserver
from ledger_pipelines.store.queries.month_states import draft_months
from ledger_pipelines.workflows.statements import companies_edited_since_run

_LOG = logging.getLogger(__name__)


def follow(console: Console, dagster: Webserver, person: str) -> None:
    """Asks Dagster for the statements of the open months that an edit is not on yet.

    To be called after the answer is sent, for it may take seconds.
    Where Dagster is away the edit is saved all the same, and the dashboard marks whose statement waits for the next run.
    """
    try:
        months = draft_months(console.database)
        edited = companies_edited_since_run(console.database, months)
        waiting = [month for month in months if edited[month]]
        if waiting:
            follow_edits(console.database, dagster, waiting, person=person, today=console.today)
    except LedgerError as error:
        _LOG.warning("The statements do not follow an edit of %s yet: %s", person, error)
